// Quicksort that compares and swaps through a function pointer and byte sizes, as qsort does; our own, so that all
// engines run the same algorithm.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int (*Compare)(const void *, const void *);

static void swap(char *a, char *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char t = a[i];
        a[i] = b[i], b[i] = t;
    }
}

static void sort(char *base, size_t count, size_t size, Compare compare) {
    while (count > 12) {
        swap(base, base + count / 2 * size, size);
        size_t low = 1, high = count - 1;
        for (;;) {
            while (low <= high && compare(base + low * size, base) < 0) low++;
            while (low <= high && compare(base + high * size, base) > 0) high--;
            if (low >= high) break;
            swap(base + low++ * size, base + high-- * size, size);
        }
        swap(base, base + high * size, size);
        sort(base, high, size, compare);
        base += (high + 1) * size, count -= high + 1;
    }
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && compare(base + (j - 1) * size, base + j * size) > 0; j--)
            swap(base + (j - 1) * size, base + j * size, size);
}

static int up(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
static int down(const void *a, const void *b) { return up(b, a); }

static uint32_t values[400000];
static Compare volatile compares[2] = {up, down};

int main(void) {
    uint32_t x = 1, sum = 0;
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 400000; i++) x = x * 1664525 + 1013904223, values[i] = x >> 8;
        sort((char *)values, 400000, sizeof values[0], compares[round & 1]);
        for (unsigned i = 0; i < 400000; i++) sum = sum * 31 + values[i];
    }
    printf("%08x\n", sum);
}
