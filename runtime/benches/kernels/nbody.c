// Five bodies under gravity, f64: divisions and square roots, values kept in memory between steps.
#include <math.h>
#include <stdio.h>

typedef struct {
    double x, y, z, vx, vy, vz, mass;
} Body;

static Body bodies[5];

static void step(double dt) {
    for (int i = 0; i < 5; i++) {
        Body *a = &bodies[i];
        for (int j = i + 1; j < 5; j++) {
            Body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double square = dx * dx + dy * dy + dz * dz;
            double force = dt / (square * sqrt(square));
            a->vx -= dx * b->mass * force, a->vy -= dy * b->mass * force, a->vz -= dz * b->mass * force;
            b->vx += dx * a->mass * force, b->vy += dy * a->mass * force, b->vz += dz * a->mass * force;
        }
    }
    for (int i = 0; i < 5; i++) {
        Body *a = &bodies[i];
        a->x += dt * a->vx, a->y += dt * a->vy, a->z += dt * a->vz;
    }
}

static double energy(void) {
    double sum = 0;
    for (int i = 0; i < 5; i++) {
        Body *a = &bodies[i];
        sum += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (int j = i + 1; j < 5; j++) {
            Body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            sum -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return sum;
}

int main(void) {
    // A sun and four planets on made-up circles, a little out of one plane.
    for (int i = 0; i < 5; i++) {
        double r = i ? 1.0 + 1.7 * i : 0;
        bodies[i] = (Body){r, 0.01 * i, 0.03 * i * r, 0, i ? 6.28 / sqrt(r) : 0, 0.002 * i, i ? 0.01 / i : 39.478};
    }
    for (int i = 0; i < 2500000; i++) step(0.001);
    printf("%.15g\n", energy());
}
