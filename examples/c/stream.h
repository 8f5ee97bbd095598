/* The stream, version 1, in C99: written from docs/stream.md alone, with the coefficients of the page's tables.

   Compile with -ffp-contract=off: nothing is fused but what the page calls fma. Of the C library it calls sqrt, fma,
   ldexp, ilogb and rint, all of them exact; with a wrong fma, such as mingw's, only section 8 differs. check.c compares
   it with the vectors. The numbers in comments are the page's sections. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

static double f64(u64 bits) { double x; memcpy(&x, &bits, 8); return x; }
static u64 bits64(double x) { u64 bits; memcpy(&bits, &x, 8); return bits; }
static float f32(u32 bits) { float x; memcpy(&x, &bits, 4); return x; }
static u32 bits32(float x) { u32 bits; memcpy(&bits, &x, 4); return bits; }

/* The page's tables: 1 normal f32, 2 normal f64, 3 truncated f32, 4 quantile. A prefix gives c0, c1, ... */
static struct { int table; char name[8]; u64 bits; } entries[256];
static int n_entries;

static u64 look_up(int table, const char *name) {
    for (int i = 0; i < n_entries; i++)
        if (entries[i].table == table && !strcmp(entries[i].name, name)) return entries[i].bits;
    fprintf(stderr, "the page lacks %s\n", name);
    exit(2);
}
#define C32(table, name) f32((u32)look_up(table, name))
#define C64(table, name) f64(look_up(table, name))

static void read_tables(const char *path) {
    char line[4096], name[8], bits[20];
    int table = 0;
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(2); }
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, "| name | bits |", 15)) table++;
        else if (sscanf(line, "| %7[A-Za-z0-9] | `%16[0-9a-f]` |", name, bits) == 2) {
            entries[n_entries].table = table;
            strcpy(entries[n_entries].name, name);
            entries[n_entries++].bits = strtoull(bits, NULL, 16);
        }
    }
    fclose(file);
}

/* Horner's rule over the coefficients PREFIXfirst to PREFIXlast. */
static float poly32(int table, char prefix, int first, int last, float x) {
    char name[8];
    float sum = 0;
    for (int i = last; i >= first; i--) {
        sprintf(name, "%c%d", prefix, i);
        sum = i == last ? C32(table, name) : C32(table, name) + x * sum;
    }
    return sum;
}
static double poly64(int table, char prefix, int first, int last, double x) {
    char name[8];
    double sum = 0;
    for (int i = last; i >= first; i--) {
        sprintf(name, "%c%d", prefix, i);
        sum = i == last ? C64(table, name) : C64(table, name) + x * sum;
    }
    return sum;
}

/* The quarter rounds of ChaCha, which BLAKE2b has too. */
static const u8 quarters[8][4] = {{0,4,8,12}, {1,5,9,13}, {2,6,10,14}, {3,7,11,15},
    {0,5,10,15}, {1,6,11,12}, {2,7,8,13}, {3,4,9,14}};

/* 1 Words. A seed is 16 bytes of two's complement. */
typedef struct { u8 seed[16]; u64 stream; } Key;

static u32 word(const Key *key, u64 block, int place) {
    u8 bytes[33];
    memcpy(bytes, key->seed, 16);
    memcpy(bytes + 16, "initializers v01", 17);
    u32 start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, w[16];
    for (int i = 0; i < 8; i++)
        start[4 + i] = bytes[4*i] | (u32)bytes[4*i+1] << 8 | (u32)bytes[4*i+2] << 16 | (u32)bytes[4*i+3] << 24;
    start[12] = (u32)block, start[13] = (u32)(block >> 32), start[14] = (u32)key->stream, start[15] = (u32)(key->stream >> 32);
    memcpy(w, start, 64);
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < 8; i++) {
            u32 *a = w + quarters[i][0], *b = w + quarters[i][1], *c = w + quarters[i][2], *d = w + quarters[i][3];
#define STEP(a, b, d, n) a += b, d ^= a, d = d << n | d >> (32 - n)
            STEP(*a, *b, *d, 16); STEP(*c, *d, *b, 12); STEP(*a, *b, *d, 8); STEP(*c, *d, *b, 7);
        }
    return w[place] + start[place];
}
static u32 w32(const Key *key, u64 i) { return word(key, i / 16, i % 16); }
static u64 w64(const Key *key, u64 i) { return word(key, i / 8, 2 * (i % 8)) | (u64)word(key, i / 8, 2 * (i % 8) + 1) << 32; }

/* 5 Normal */
static float normal32(const Key *key, u64 i) {
    u64 group = i / 64 * 64, j = i % 32;
    u32 R = w32(key, group + j), A = w32(key, group + 32 + j);
    float u = (float)(R >> 1) * 0x1p-31f + 0x1p-32f;
    int32_t e = (int32_t)(bits32(u) - 0x3f3504f3) >> 23;
    float f = f32(bits32(u) - (u32)e * (1u << 23)) - 1, z = f * f, E = (float)e;
    float ln = (f + (((f * z) * poly32(1, 'P', 0, 7, f) + E * C32(1, "LO")) - 0.5f * z)) + E * C32(1, "HI");
    float r = sqrtf(-2 * ln);
    u32 q = (A + (1u << 29)) >> 30;
    float t = (float)(int32_t)(A - (q << 30)) * 0x1p-32f;
    z = t * t;
    float s = t * (C32(1, "S0") + (C32(1, "S0LO") + z * poly32(1, 'S', 1, 3, z)));
    float c = 1 + z * poly32(1, 'C', 1, 4, z);
    float cosine[4] = {c, -s, -c, s}, sine[4] = {s, c, -s, -c};
    return i % 64 < 32 ? r * cosine[q] : r * sine[q];
}
static double ln64(double u) {
    int64_t k = (int64_t)(bits64(u) - 0x3fe6a09e667f3bcd) >> 52;
    double f = f64(bits64(u) - (u64)k * (1ull << 52)) - 1, K = (double)k, s = f / (2 + f), z = s * s;
    double r = z * poly64(2, 'L', 1, 7, z), h = (0.5 * f) * f;
    return K * C64(2, "LN2HI") - ((h - (s * (h + r) + K * C64(2, "LN2LO"))) - f);
}
static void turn(double x, unsigned q, double *cosine, double *sine) {
    double z = x * x, s = x + (z * x) * poly64(2, 'S', 1, 6, z), h = 0.5 * z, v = 1 - h;
    double c = v + (((1 - v) - h) + z * (z * poly64(2, 'C', 1, 6, z)));
    double cosines[4] = {c, -s, -c, s}, sines[4] = {s, c, -s, -c};
    *cosine = cosines[q % 4], *sine = sines[q % 4];
}
static double normal64(const Key *key, u64 i) {
    u64 group = i / 64 * 64, j = i % 32, R = w64(key, group + j), A = w64(key, group + 32 + j);
    double u = (double)(R >> 11) * 0x1p-53 + 0x1p-54, r = sqrt(-2 * ln64(u)), c, s;
    u64 q = (A + (1ull << 61)) >> 62;
    turn((double)(int64_t)(A - (q << 62)) * C64(2, "U"), (unsigned)q, &c, &s);
    return i % 64 < 32 ? r * c : r * s;
}

/* 6 Truncated normal */
static double central(double q) {
    double r = f64(0x3fc71eb851eb851f) - q * q;
    return q * poly64(4, 'A', 0, 7, r) / poly64(4, 'B', 0, 7, r);
}
static double tail(double p) {
    double r = sqrt(-ln64(p));
    if (r <= 5) { r = r - f64(0x3ff999999999999a); return poly64(4, 'C', 0, 7, r) / poly64(4, 'D', 0, 7, r); }
    r = r - 5;
    return poly64(4, 'E', 0, 7, r) / poly64(4, 'F', 0, 7, r);
}
static double tq(double p) {
    double q = 0.5 - p;
    return q <= f64(0x3fdb333333333333) ? central(q) : p == 0 ? INFINITY : tail(p);
}
static double tp(double t) {
    u64 low = 0, high = bits64(0.5);
    if (t == 0) return 0.5;
    while (high - low > 1) {
        u64 middle = low + (high - low) / 2;
        if (tq(f64(middle)) >= t) low = middle; else high = middle;
    }
    return f64(low);
}
static float two_sigma32(u32 w) {
    float x = (float)(w >> 1) * 0x1p-31f + 0x1p-32f, v = 1 - x * x;
    float z = x * (poly32(3, 'p', 0, 4, v) / poly32(3, 'q', 0, 4, v));
    return w & 1 ? -z : z;
}
static double two_sigma64(u64 w) {
    double q = ((double)(w >> 11) * 0x1p-53 + 0x1p-54) * f64(0x3fde8b4307d3627a);
    double z = q <= f64(0x3fdb333333333333) ? central(q) : tail(0.5 - q);
    if (!(z < 2)) z = f64(bits64(2) - 1);
    return w & 1 ? -z : z;
}
static double inverse(double u, double alpha, double beta) {
    double v = 1 - u, z;
    if (alpha >= 0) z = tq(tp(beta) + v * (tp(alpha) - tp(beta)));
    else if (beta <= 0) z = -tq(tp(-alpha) + u * (tp(-beta) - tp(-alpha)));
    else {
        double a = tp(-alpha), b = tp(beta), m = (0.5 - a) + (0.5 - b), p = a + u * m, other = b + v * m;
        z = p <= 0.5 ? -tq(p) : other <= 0.5 ? tq(other) : 0;
    }
    return z < alpha ? alpha : z > beta ? beta : z;
}

/* 3 to 6: one element, in the computing type. A bound of f32 is a float's value. */
typedef struct { const char *dtype; int is_wide, digits, fraction, bias; } Type;
static const Type types[] = {{"float64", 1, 16, 52, 1023}, {"float32", 0, 8, 23, 127}, {"float16", 0, 4, 10, 15},
    {"bfloat16", 0, 4, 7, 127}, {"float8_e4m3fn", 0, 2, 3, 7}, {"float8_e5m2", 0, 2, 2, 15}};

static double z_of(const Key *key, u64 i, int is_wide, double alpha, double beta) {
    double R = is_wide ? 8.66 : 6.67;
    if (alpha <= -R && beta >= R) return is_wide ? normal64(key, i) : normal32(key, i);
    if (alpha == -2 && beta == 2) return is_wide ? two_sigma64(w64(key, i)) : two_sigma32(w32(key, i));
    double u = is_wide ? (double)(2 * (w64(key, i) >> 12) + 1) * 0x1p-53 : (2 * (double)w32(key, i) + 1) * 0x1p-33;
    return is_wide ? inverse(u, alpha, beta) : (float)inverse(u, alpha, beta);
}
/* The pattern of a finite value, rounded to nearest even. */
static u64 pattern(const Type *type, double x) {
    double size = fabs(x);
    u64 sign = (u64)!!signbit(x) << (4 * type->digits - 1);
    if (size == 0) return sign;
    int e = ilogb(size) < 1 - type->bias ? 1 - type->bias : ilogb(size);
    return sign | (((u64)(e + type->bias - 1) << type->fraction) + (u64)rint(ldexp(size, type->fraction - e)));
}
static double value(const Type *type, u64 bits) {
    u64 top = 1ull << (4 * type->digits - 1), size = bits & (top - 1), e = size >> type->fraction;
    u64 kept = size & ((1ull << type->fraction) - 1);
    if (e) kept |= 1ull << type->fraction;
    double x = ldexp((double)kept, (int)(e ? e : 1) - type->bias - type->fraction);
    return bits & top ? -x : x;
}
static u64 element(const Type *type, const Key *key, u64 i, int is_uniform, const double *p) {
    if (!is_uniform) {
        double z = z_of(key, i, type->is_wide, p[2], p[3]);
        if (type->is_wide) return pattern(type, p[0] + p[1] * z);
        return pattern(type, (float)p[0] + (float)p[1] * (float)z);
    }
    u64 first = pattern(type, p[0]), last = pattern(type, p[1]);
    double low = value(type, first), high = value(type, last), x;
    if (low == high) return first;
    if (type->is_wide) x = p[0] + (p[1] - p[0]) * ((double)(w64(key, i) >> 11) * 0x1p-53);
    else x = (float)p[0] + ((float)p[1] - (float)p[0]) * ((float)(w32(key, i) >> 8) * 0x1p-24f);
    u64 bits = pattern(type, x);
    if (x < high && value(type, bits) < high) return bits;
    return high == 0 ? (1ull << (4 * type->digits - 1)) | 1 : high > 0 ? last - 1 : last + 1;
}

/* 2 Seeds by name: BLAKE2b of data shorter than 2^20 bytes */
static u64 blake2b(const u8 seed[16], const u8 *data, size_t size) {
    static const u64 IV[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    static const u8 sigma[10][16] = {{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}, {14,10,4,8,9,15,13,6,1,12,0,2,11,7,5,3},
        {11,8,12,0,5,2,15,13,10,14,3,6,7,1,9,4}, {7,9,3,1,13,12,11,14,2,6,5,10,4,0,15,8}, {9,0,5,7,2,4,10,15,14,1,11,12,6,8,3,13},
        {2,12,6,10,0,11,8,3,4,13,7,5,15,14,1,9}, {12,5,1,15,14,13,4,10,0,7,6,3,9,2,8,11}, {13,11,7,14,12,1,3,9,5,0,15,4,8,6,2,10},
        {6,15,14,9,11,3,0,8,12,2,13,7,1,4,10,5}, {10,2,8,4,7,6,1,5,15,11,9,14,3,12,13,0}};
    const u8 personal[] = "initializers v01";
    u64 h[8], m[16], v[16], total = 128 + size;
    memcpy(h, IV, 64);
    h[0] ^= 8 | 16 << 8 | 1 << 16 | 1 << 24;
    for (int i = 0; i < 16; i++) h[6 + i / 8] ^= (u64)personal[i] << 8 * (i % 8);
    for (u64 at = 0; at < total; at += 128) {
        u64 done = at + 128 < total ? at + 128 : total;
        for (u64 i = 0; i < 128; i++) {
            u64 place = at + i, byte = place < 16 ? seed[place] : place < 128 || place >= total ? 0 : data[place - 128];
            m[i / 8] = (i % 8 ? m[i / 8] : 0) | byte << 8 * (i % 8);
        }
        for (int i = 0; i < 8; i++) v[i] = h[i], v[8 + i] = IV[i];
        v[12] ^= done;
        if (done == total) v[14] = ~v[14];
        for (int round = 0; round < 12; round++)
            for (int i = 0; i < 8; i++) {
                u64 *a = v + quarters[i][0], *b = v + quarters[i][1], *c = v + quarters[i][2], *d = v + quarters[i][3];
                const u8 *order = sigma[round % 10] + 2 * i;
#define MIX(a, b, d, n) a += b, d ^= a, d = d >> n | d << (64 - n)
                *a += m[order[0]]; MIX(*a, *b, *d, 32); MIX(*c, *d, *b, 24);
                *a += m[order[1]]; MIX(*a, *b, *d, 16); MIX(*c, *d, *b, 63);
            }
        for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[8 + i];
    }
    return h[0];
}

/* 11 Digest: SHA-256; its constants are the fractions of roots of primes */
static void sha256(const u8 *data, size_t size, u8 out[32]) {
    u32 K[64], h[8], w[64], s[8];
    for (int n = 2, found = 0; found < 64; n++) {
        int is_prime = 1;
        for (int d = 2; d * d <= n; d++) is_prime &= n % d != 0;
        if (!is_prime) continue;
        if (found < 8) h[found] = (u32)(u64)(sqrt(n) * 0x1p32);
        K[found++] = (u32)(u64)(cbrt(n) * 0x1p32);
    }
    size_t padded = (size + 72) / 64 * 64;
    for (size_t at = 0; at < padded; at += 64) {
        for (size_t i = 0; i < 64; i++) {
            size_t p = at + i;
            u32 byte = p < size ? data[p] : p == size ? 0x80 : p < padded - 8 ? 0 : (u8)((u64)size * 8 >> 8 * (padded - 1 - p));
            w[i / 4] = w[i / 4] << 8 | byte;
        }
#define ROT(x, n) ((x) >> n | (x) << (32 - n))
        for (int i = 16; i < 64; i++)
            w[i] = w[i-16] + w[i-7] + (ROT(w[i-15], 7) ^ ROT(w[i-15], 18) ^ w[i-15] >> 3) + (ROT(w[i-2], 17) ^ ROT(w[i-2], 19) ^ w[i-2] >> 10);
        memcpy(s, h, 32);
        for (int i = 0; i < 64; i++) {
            u32 one = s[7] + (ROT(s[4], 6) ^ ROT(s[4], 11) ^ ROT(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
            u32 two = (ROT(s[0], 2) ^ ROT(s[0], 13) ^ ROT(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 28);
            s[4] += one, s[0] = one + two;
        }
        for (int i = 0; i < 8; i++) h[i] += s[i];
    }
    for (int i = 0; i < 32; i++) out[i] = (u8)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* 8 Orthogonal matrices */
static double add_lanes(const double *terms, size_t count, int are_squares) {
    size_t blocks = 0;
    double *sums = malloc((count / 1024 + 1) * sizeof *sums), total;
    for (size_t at = 0; at < count; at += 1024) {
        double lane[16] = {0};
        for (size_t i = 0; i < 1024 && at + i < count; i++)
            lane[i % 16] = are_squares ? fma(terms[at + i], terms[at + i], lane[i % 16]) : lane[i % 16] + terms[at + i];
        for (int half = 8; half; half /= 2)
            for (int l = 0; l < half; l++) lane[l] += lane[l + half];
        sums[blocks++] = lane[0];
    }
    total = blocks > 1 ? add_lanes(sums, blocks, 0) : blocks ? sums[0] : 0;
    free(sums);
    return total;
}
#define ORTHOGONAL(T, FMA, NORMAL, NAME) \
static void NAME(const Key *key, size_t m, size_t n, T *C, T *signs) { \
    T *V = calloc(m * n, sizeof *V), *tau = malloc(n * sizeof *tau); \
    double *x = malloc(m * sizeof *x); \
    for (size_t k = 0; k < n; k++) { \
        for (size_t r = k; r < m; r++) x[r] = V[r * n + k] = (T)0 + NORMAL(key, k * ((m + 63) / 64 * 64) + r - k); \
        double S = add_lanes(x + k + 1, m - k - 1, 1), s = x[k] < 0 ? -1 : 1; \
        tau[k] = 0, signs[k] = (T)s; \
        if (S == 0) continue; \
        T v = (T)(x[k] + s * sqrt(S + x[k] * x[k])); \
        V[k * n + k] = v, tau[k] = (T)(2 / (S + (double)v * (double)v)), signs[k] = (T)-s; \
    } \
    for (size_t r = 0; r < m; r++) for (size_t j = 0; j < n; j++) C[r * n + j] = r == j; \
    for (size_t a = (n - 1) / 64 * 64 + 64; a >= 64; a -= 64) { \
        size_t p = a - 64, w = n - p < 64 ? n - p : 64; \
        T U[64][64] = {{0}}, g[64], W[64], y[64]; \
        for (size_t i = 0; i < w; i++) { \
            for (size_t s = 0; s < i; s++) { \
                g[s] = 0; \
                for (size_t r = p; r < m; r++) g[s] = FMA(V[r * n + p + s], V[r * n + p + i], g[s]); \
            } \
            for (size_t l = 0; l < i; l++) { \
                T h = 0; \
                for (size_t s = l; s < i; s++) h = FMA(U[l][s], g[s], h); \
                U[l][i] = -(tau[p + i] * h); \
            } \
            U[i][i] = tau[p + i]; \
        } \
        for (size_t j = p; j < n; j++) { \
            for (size_t l = 0; l < w; l++) { \
                W[l] = 0; \
                for (size_t r = p; r < m; r++) W[l] = FMA(V[r * n + p + l], C[r * n + j], W[l]); \
            } \
            for (size_t l = 0; l < w; l++) { \
                y[l] = 0; \
                for (size_t s = l; s < w; s++) y[l] = FMA(U[l][s], W[s], y[l]); \
            } \
            for (size_t r = p; r < m; r++) \
                for (size_t l = 0; l < w; l++) C[r * n + j] = FMA(-V[r * n + p + l], y[l], C[r * n + j]); \
        } \
    } \
    free(V), free(tau), free(x); \
}
ORTHOGONAL(float, fmaf, normal32, orthogonal32)
ORTHOGONAL(double, fma, normal64, orthogonal64)
