// f32 vectors of four: a filter over an image, a * x + y, and dot products. Compiled with simd128.
#include <stdio.h>

typedef float f32x4 __attribute__((vector_size(16)));

#define W 256 // vectors in a row
#define H 256
static f32x4 image[H][W], smooth[H][W];

int main(void) {
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            image[y][x] = (f32x4){(float)((x * 7 + y) % 32), (float)((x + y * 3) % 16), 1.0f, 0.5f};
    const f32x4 fifth = {0.2f, 0.2f, 0.2f, 0.2f}, weight = {0.3f, 0.1f, 0.2f, 0.4f};
    f32x4 dot = {0, 0, 0, 0};
    for (int round = 0; round < 900; round++) {
        for (int y = 1; y < H - 1; y++)
            for (int x = 1; x < W - 1; x++)
                smooth[y][x] =
                    (image[y][x] + image[y - 1][x] + image[y + 1][x] + image[y][x - 1] + image[y][x + 1]) * fifth;
        for (int y = 1; y < H - 1; y++)
            for (int x = 1; x < W - 1; x++) image[y][x] = image[y][x] * weight + smooth[y][x] * (1.0f - weight);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) dot += image[y][x] * smooth[y][x];
    }
    printf("%.9g %.9g %.9g %.9g\n", (double)dot[0], (double)dot[1], (double)dot[2], (double)dot[3]);
}
