// Sieve of Eratosthenes over 8 million bytes: stores with a stride, larger than most caches.
#include <stdio.h>
#include <string.h>

#define N 8000000
static unsigned char composite[N];

int main(void) {
    unsigned count = 0;
    for (int round = 0; round < 10; round++) {
        memset(composite, 0, N);
        for (unsigned i = 2; i * i < N; i++)
            if (!composite[i])
                for (unsigned j = i * i; j < N; j += i) composite[j] = 1;
        for (unsigned i = 2; i < N; i++) count += !composite[i];
    }
    printf("%u\n", count);
}
