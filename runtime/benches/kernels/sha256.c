// SHA-256 of a megabyte, over and over: 32-bit integer work with rotations.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t k[64];
#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))

// The constants are the fractional parts of the cube roots of the first primes; found by integer search.
static void constants(void) {
    int found = 0;
    for (unsigned p = 2; found < 64; p++) {
        int prime = 1;
        for (unsigned d = 2; d * d <= p; d++) prime &= p % d != 0;
        if (!prime) continue;
        // Largest r with r^3 <= p * 2^96, in 128-bit arithmetic of its upper part.
        uint64_t r = 0;
        for (int bit = 34; bit >= 0; bit--) {
            uint64_t t = r | 1ull << bit;
            unsigned __int128 square = (unsigned __int128)t * t;
            uint64_t high = (uint64_t)(square >> 64), low = (uint64_t)square;
            unsigned __int128 lower = (unsigned __int128)low * t;
            unsigned __int128 upper = (unsigned __int128)high * t + (uint64_t)(lower >> 64);
            if (upper < (unsigned __int128)p << 32 || (upper == (unsigned __int128)p << 32 && !(uint64_t)lower))
                r = t;
        }
        k[found++] = (uint32_t)r;
    }
}

static void block(uint32_t state[8], const uint8_t *data) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)data[4 * i] << 24 | data[4 * i + 1] << 16 | data[4 * i + 2] << 8 | data[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = ROTR(w[i - 15], 7) ^ ROTR(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = ROTR(w[i - 2], 17) ^ ROTR(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = h + (ROTR(e, 6) ^ ROTR(e, 11) ^ ROTR(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
        uint32_t t2 = (ROTR(a, 2) ^ ROTR(a, 13) ^ ROTR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static uint8_t data[1 << 20];

int main(void) {
    constants();
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (unsigned i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7 + (i >> 8));
    for (int round = 0; round < 40; round++)
        for (unsigned i = 0; i < sizeof data; i += 64) block(state, data + i);
    for (int i = 0; i < 8; i++) printf("%08x", state[i]);
    printf("\n");
}
