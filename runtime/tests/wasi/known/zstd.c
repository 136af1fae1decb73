// zstd: a file compressed to another, and back; prints sizes.
#include "zstd.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    size_t size = 4u << 20, bound = ZSTD_compressBound(size);
    char *data = malloc(size), *packed = malloc(bound), *back = malloc(size);
    unsigned state = 1;
    for (size_t i = 0; i < size; i++) data[i] = (char)("abcdefgh"[(state = state * 1103515245u + 12345u) >> 29] + (i >> 16));
    for (int level = 1; level <= 19; level += 6) {
        size_t used = ZSTD_compress(packed, bound, data, size, level);
        FILE *file = fopen("packed", "wb");
        fwrite(packed, 1, used, file);
        fclose(file);
        memset(packed, 0, bound);
        file = fopen("packed", "rb");
        size_t got = fread(packed, 1, bound, file);
        fclose(file);
        size_t whole = ZSTD_decompress(back, size, packed, got);
        printf("level %d: %zu bytes, %s\n", level, used, whole == size && !memcmp(data, back, size) ? "same" : "differs");
    }
    return 0;
}
