// f64 matrices, 300 by 300, rows times columns (i, j, k): a chain of additions in a register.
#include <stdio.h>

#define N 300
static double a[N][N], b[N][N], c[N][N];

int main(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (i * 3 + j) % 17 * 0.25, b[i][j] = (i + j * 5) % 13 * 0.5;
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double sum = round;
                for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
                c[i][j] += sum;
            }
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) sum += c[i][j] * (i ^ j);
    printf("%.17g\n", sum);
}
