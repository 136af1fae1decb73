// The Mandelbrot set, f64: a short float loop that stays in registers.
#include <stdio.h>

int main(void) {
    unsigned long long total = 0;
    for (int y = 0; y < 400; y++)
        for (int x = 0; x < 600; x++) {
            double cr = x / 200.0 - 2.1, ci = y / 200.0 - 1.0, zr = 0, zi = 0;
            int turns = 0;
            while (turns < 700) {
                double rr = zr * zr, ii = zi * zi;
                if (rr + ii > 4) break;
                zi = 2 * zr * zi + ci, zr = rr - ii + cr;
                turns++;
            }
            total += (unsigned)turns;
        }
    printf("%llu\n", total);
}
