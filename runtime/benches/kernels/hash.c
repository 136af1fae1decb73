// An open hash table of 2^17 slots under insertions, look-ups and misses: unpredictable loads and branches.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SLOTS (1u << 17)
static uint64_t keys[SLOTS];
static uint32_t counts[SLOTS];

static uint32_t *find(uint64_t key) {
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15ull >> 40) & (SLOTS - 1);
    while (keys[at] && keys[at] != key) at = (at + 1) & (SLOTS - 1);
    keys[at] = key;
    return &counts[at];
}

int main(void) {
    uint64_t x = 88172645463325252ull, sum = 0;
    for (int round = 0; round < 6; round++) {
        memset(keys, 0, sizeof keys), memset(counts, 0, sizeof counts);
        for (int i = 0; i < 2000000; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            sum += ++*find((x >> 20) % 90000 + 1);
        }
    }
    printf("%llu\n", (unsigned long long)sum);
}
