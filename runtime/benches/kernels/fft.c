// A radix-2 transform of 2^14 complex f64 numbers, forth and back: strided loads and stores of floats.
#include <math.h>
#include <stdio.h>

#define N (1 << 14)
static double re[N], im[N], cosines[N / 2], sines[N / 2];

static void transform(int inverse) {
    for (int i = 1, j = 0; i < N; i++) {
        int bit = N >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j |= bit;
        if (i < j) {
            double t = re[i];
            re[i] = re[j], re[j] = t;
            t = im[i], im[i] = im[j], im[j] = t;
        }
    }
    for (int size = 2; size <= N; size <<= 1)
        for (int start = 0; start < N; start += size)
            for (int k = 0; k < size / 2; k++) {
                int a = start + k, b = a + size / 2, w = k * (N / size);
                double wr = cosines[w], wi = inverse ? sines[w] : -sines[w];
                double tr = re[b] * wr - im[b] * wi, ti = re[b] * wi + im[b] * wr;
                re[b] = re[a] - tr, im[b] = im[a] - ti, re[a] += tr, im[a] += ti;
            }
    if (inverse)
        for (int i = 0; i < N; i++) re[i] /= N, im[i] /= N;
}

int main(void) {
    // The roots of unity by the half-angle rule, so that no libm decides a bit of the answer.
    double c = -1, s = 0;
    for (int size = 2; size < N; size <<= 1) {
        s = sqrt((1 - c) / 2), c = sqrt((1 + c) / 2);
    }
    cosines[0] = 1, sines[0] = 0;
    for (int i = 1; i < N / 2; i++)
        cosines[i] = cosines[i - 1] * c - sines[i - 1] * s, sines[i] = cosines[i - 1] * s + sines[i - 1] * c;
    for (int i = 0; i < N; i++) re[i] = i * 37 % 101 * 0.01, im[i] = 0;
    for (int round = 0; round < 180; round++) transform(0), transform(1);
    double sum = 0;
    for (int i = 0; i < N; i++) sum += re[i] * (i & 7) + im[i];
    printf("%.15g\n", sum);
}
