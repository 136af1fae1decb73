// f64 matrices, 300 by 300, rows times rows (i, k, j): every turn of the inner loop stores a sum.
#include <stdio.h>

#define N 300
static double a[N][N], b[N][N], c[N][N];

int main(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (i * 3 + j) % 17 * 0.25, b[i][j] = (i + j * 5) % 13 * 0.5;
    for (int round = 0; round < 24; round++)
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++)
                for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) sum += c[i][j] * (i ^ j);
    printf("%.17g\n", sum);
}
