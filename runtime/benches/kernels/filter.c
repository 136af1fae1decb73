// Scalar f32: sound through a cascade of second-order filters, state kept in memory.
#include <stdio.h>

typedef struct {
    float b0, b1, b2, a1, a2, z1, z2;
} Stage;

static Stage stages[8];
static float sound[4096];

int main(void) {
    for (int s = 0; s < 8; s++)
        stages[s] = (Stage){0.2f + 0.01f * (float)s, 0.3f, 0.2f, -0.4f + 0.02f * (float)s, 0.1f, 0, 0};
    unsigned x = 1;
    float sum = 0;
    for (int round = 0; round < 700; round++) {
        for (int i = 0; i < 4096; i++) x = x * 1664525 + 1013904223, sound[i] = (float)(x >> 16) / 65536.0f - 0.5f;
        for (int s = 0; s < 8; s++) {
            Stage *f = &stages[s];
            for (int i = 0; i < 4096; i++) {
                float in = sound[i], out = f->b0 * in + f->z1;
                f->z1 = f->b1 * in - f->a1 * out + f->z2;
                f->z2 = f->b2 * in - f->a2 * out;
                sound[i] = out;
            }
        }
        for (int i = 0; i < 4096; i++) sum += sound[i];
    }
    printf("%.9g\n", (double)sum);
}
