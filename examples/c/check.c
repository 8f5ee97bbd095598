/* Compares stream.h with the vectors:

       cc -std=c99 -O2 -ffp-contract=off -o check examples/c/check.c -lm
       ./check docs/stream.md tests/golden/vectors.json

   It reads the file line by line, a vector a line, and expects keys and values as tests/golden/make.py writes them. */
#include "stream.h"

static char line[1 << 16], expected[1 << 16], made[1 << 16];

/* The text after `"key": `, without a quotation mark, or the end of the line. */
static const char *find(const char *key) {
    char quoted[40];
    sprintf(quoted, "\"%s\": ", key);
    const char *at = strstr(line, quoted);
    return at ? at + strlen(quoted) + (at[strlen(quoted)] == '"') : line + strlen(line);
}
static double number(const char *key) { return strtod(find(key), NULL); }
static u64 integer(const char *key) { return strtoull(find(key), NULL, 10); }
static int is(const char *key, const char *text) { return !strncmp(find(key), text, strlen(text)) && find(key)[strlen(text)] == '"'; }

/* Decimal text as 16 bytes of two's complement. */
static void read_wide(const char *text, u8 out[16]) {
    int is_negative = *text == '-';
    memset(out, 0, 16);
    for (text += is_negative; *text >= '0' && *text <= '9'; text++)
        for (int i = 0, carry = *text - '0'; i < 16; i++) carry += 10 * out[i], out[i] = (u8)carry, carry >>= 8;
    for (int i = 0, carry = is_negative; is_negative && i < 16; i++) carry += (u8)~out[i], out[i] = (u8)carry, carry >>= 8;
}
static Key read_key(void) {
    Key key;
    read_wide(find("seed"), key.seed);
    key.stream = integer("stream");
    return key;
}
static const Type *read_type(void) {
    for (const Type *type = types; ; type++)
        if (is("dtype", type->dtype)) return type;
}
static void put(int digits, u64 bits) {
    sprintf(made + strlen(made), "%s%0*llx", *made ? " " : "", digits, (unsigned long long)bits);
}

static void make_elements(void) {
    Key key = read_key();
    const Type *type = read_type();
    int is_uniform = is("kind", "uniform");
    double p[4] = {number(is_uniform ? "minval" : "mean"), number(is_uniform ? "maxval" : "stddev"), -INFINITY, INFINITY};
    if (is("kind", "truncated_normal")) p[2] = number("lower"), p[3] = number("upper");
    for (int i = 0; i < 4; i++) p[i] = (type->is_wide ? p[i] : (float)p[i]) + 0.0;
    for (u64 i = 0; i < integer("count"); i++) put(type->digits, element(type, &key, integer("start") + i, is_uniform, p));
}
static void make_scale(void) {
    double in = number("fan_in"), out = number("fan_out"), n = in;
    if (is("mode", "fan_out")) n = out;
    if (is("mode", "fan_avg")) n = (in + out) / 2;
    if (is("mode", "fan_geo_avg")) n = sqrt(in * out);
    double s = number("scale") / (n > 1 ? n : 1);
    if (is("distribution", "uniform")) put(16, bits64(sqrt(3 * s)));
    else put(16, bits64(is("distribution", "truncated_normal") ? sqrt(s) / f64(0x3fec25e4b6dba981) : sqrt(s)));
}
static void make_seed(void) {
    Key key = read_key();
    u8 data[4096];
    size_t size = 0;
    for (const char *at = strchr(line, '[') + 1; *at != ']'; at++) {
        const char *end = strchr(at + 1, '"');
        if (*at == '{') { /* {"integer": "n"} */
            data[size++] = 'i';
            read_wide(at + 13, data + size);
            size += 16, at = strchr(at, '}');
        } else if (*at == '"') {
            u64 length = (u64)(end - at - 1);
            data[size++] = 's';
            for (int i = 0; i < 8; i++) data[size++] = (u8)(length >> 8 * i);
            memcpy(data + size, at + 1, length);
            size += length, at = end;
        }
    }
    put(16, blake2b(key.seed, data, size));
}
static void make_roots(void) {
    u64 n = integer("count");
    for (int is_sine = 0; is_sine < 2; is_sine++)
        for (u64 r = 0; r < n; r++) {
            double q = rint((double)(4 * r) / (double)n), parts[2];
            double d = (double)(4 * (int64_t)r - (int64_t)q * (int64_t)n);
            turn(d * f64(0x3ff921fb54442d18) / (double)n, (unsigned)q, parts, parts + 1);
            put(16, bits64(parts[is_sine] + 0.0));
        }
}
static void hash(const u8 *data, size_t size) {
    u8 out[32];
    sha256(data, size, out);
    for (int i = 0; i < 32; i++) sprintf(made + strlen(made), "%02x", out[i]);
}
static size_t put_part(u8 *data, const void *part, size_t size) {
    for (int i = 0; i < 8; i++) data[i] = (u8)((u64)size >> 8 * i);
    memcpy(data + 8, part, size);
    return 8 + size;
}
static void make_digest(void) { /* of one float32 matrix, on any machine */
    u8 data[4096], part[1024];
    size_t size = 0, length = 0;
    size += put_part(data + size, find("name"), strcspn(find("name"), "\""));
    size += put_part(data + size, find("dtype"), strcspn(find("dtype"), "\""));
    const char *shape = find("shape"), *bits = find("bits");
    for (char *end = (char *)shape; *end != ']'; ) {
        u64 dimension = strtoull(end + 1, &end, 10);
        for (int i = 0; i < 8; i++) part[length++] = (u8)(dimension >> 8 * i);
    }
    size += put_part(data + size, part, length);
    length = 0;
    for (char *end = (char *)bits; *end != '"'; ) {
        u64 pattern = strtoull(end, &end, 16);
        for (int i = 0; i < 4; i++) part[length++] = (u8)(pattern >> 8 * i);
    }
    size += put_part(data + size, part, length);
    hash(data, size);
}
static void make_orthogonal(void) {
    Key key = read_key();
    size_t rows = integer("rows"), columns = integer("columns");
    size_t m = rows > columns ? rows : columns, n = rows > columns ? columns : rows, size = 0;
    int is_wide = read_type()->is_wide, in_bytes = !strstr(line, "\"bits\"");
    double gain = number("gain"), *wide = malloc(m * n * 8), *wide_signs = malloc(n * 8);
    float *narrow = malloc(m * n * 4), *narrow_signs = malloc(n * 4);
    u8 *data = malloc(m * n * 8);
    if (is_wide) orthogonal64(&key, m, n, wide, wide_signs); else orthogonal32(&key, m, n, narrow, narrow_signs);
    for (size_t i = 0; i < m * n; i++) {
        size_t r = i / columns, c = i % columns, j = rows < columns ? r : c, at = rows < columns ? c * n + r : i;
        u64 bits = is_wide ? bits64(gain * (wide_signs[j] * wide[at]) + 0.0)
            : bits32((float)gain * (narrow_signs[j] * narrow[at]) + 0.0f);
        if (!in_bytes) put(is_wide ? 16 : 8, bits);
        for (int k = 0; k < (is_wide ? 8 : 4); k++) data[size++] = (u8)(bits >> 8 * k);
    }
    if (in_bytes) hash(data, size);
    free(wide), free(wide_signs), free(narrow), free(narrow_signs), free(data);
}

int main(int count, char **arguments) {
    int passed = 0, failed = 0;
    FILE *file = count == 3 ? fopen(arguments[2], "r") : NULL;
    if (!file) { fprintf(stderr, "usage: check docs/stream.md tests/golden/vectors.json\n"); return 2; }
    read_tables(arguments[1]);
    while (fgets(line, sizeof line, file)) {
        if (!strstr(line, "\"kind\"")) continue;
        Key key = read_key();
        *made = 0;
        if (is("kind", "words")) for (u64 i = 0; i < 16; i++) put(8, w32(&key, integer("index") + i));
        else if (is("kind", "scale")) make_scale();
        else if (is("kind", "fold_in")) make_seed();
        else if (is("kind", "roots")) make_roots();
        else if (is("kind", "digest")) make_digest();
        else if (is("kind", "orthogonal")) make_orthogonal();
        else make_elements();
        const char *wanted = find(is("kind", "digest") || !strstr(line, "\"bits\"") ? "sha256" : "bits");
        sprintf(expected, "%.*s", (int)strcspn(wanted, "\""), wanted);
        if (!strcmp(made, expected)) { passed++; continue; }
        failed++;
        printf("%sexpected %s\nmade     %s\n", line, expected, made);
    }
    printf("%d vectors equal, %d not\n", passed, failed);
    return failed > 0 || passed == 0;
}
