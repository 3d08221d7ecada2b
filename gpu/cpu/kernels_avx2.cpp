// Elementwise kernels and attention for AVX2, FMA and F16C. The rule at the head of
// kernels_avx2_matmul.cpp holds here too.

#include "gpu/cpu/avx2.hpp"
#include "gpu/cpu/kernels.hpp"

namespace ait::gpu {
namespace {

using namespace avx2;

constexpr std::uint32_t group_tile = 4;  // query heads that share one load of values

float sum_lanes(__m256 values) noexcept {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/// e^x for x <= 88 within 2 units in the last place; below -87 it stays at e^-87, which no sum of
/// probabilities can see.
__m256 exponential(__m256 x) noexcept {
    x = _mm256_max_ps(_mm256_min_ps(x, _mm256_set1_ps(88.0F)), _mm256_set1_ps(-87.0F));
    const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504F)),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    // ln 2 in two parts: the first has few enough bits that n times it is exact.
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375F), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4F), r);
    __m256 p = _mm256_set1_ps(1.0F / 5040.0F);  // the series of e^r, |r| <= ln(2) / 2
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 720.0F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 120.0F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 24.0F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 6.0F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F));
    const __m256i power = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
}

void quantise(const float* values, std::uint32_t columns, QuantisedRow out) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    for (std::uint32_t block = 0; block < columns / block_columns; ++block) {
        __m256 part[4];
        __m256 largest = _mm256_setzero_ps();
        for (std::uint32_t i = 0; i < 4; ++i) {
            part[i] = _mm256_loadu_ps(values + block * block_columns + i * lanes);
            largest = _mm256_max_ps(largest, _mm256_and_ps(part[i], magnitude));
        }
        __m128 top = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
        top = _mm_max_ps(top, _mm_movehl_ps(top, top));
        const float peak = _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
        const bool is_zero = peak < activation_magnitude_min;
        const __m256 inverse = _mm256_set1_ps(is_zero ? 0.0F : 127.0F / peak);
        __m256i quant[4];
        __m256i sums = _mm256_setzero_si256();
        for (std::uint32_t i = 0; i < 4; ++i) {
            quant[i] = _mm256_cvtps_epi32(_mm256_mul_ps(part[i], inverse));
            sums = _mm256_add_epi32(sums, quant[i]);
        }
        // Packing works within 128-bit halves; the permutation puts the four-byte groups in order.
        const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(quant[0], quant[1]),
                                                  _mm256_packs_epi32(quant[2], quant[3]));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.quant + block * block_columns),
                            _mm256_permutevar8x32_epi32(packed, order));
        __m128i sum =
            _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
        out.scale[block] = is_zero ? 0.0F : peak / 127.0F;
        out.sum[block] = _mm_cvtsi128_si32(sum);
        out.scaled_sum[block] = out.scale[block] * static_cast<float>(out.sum[block]);
    }
}

void rms_norm(const NormArguments& arguments) {
    const std::uint32_t whole = arguments.width / lanes * lanes;
    __m256 squares = _mm256_setzero_ps();
    for (std::uint32_t i = 0; i < whole; i += lanes) {
        const __m256 values = _mm256_loadu_ps(arguments.values + i);
        squares = _mm256_fmadd_ps(values, values, squares);
    }
    float sum = sum_lanes(squares);
    for (std::uint32_t i = whole; i < arguments.width; ++i) {
        sum += arguments.values[i] * arguments.values[i];
    }
    const float mean = sum / static_cast<float>(arguments.width);
    const float factor = 1.0F / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean + arguments.epsilon)));
    for (std::uint32_t i = 0; i < whole; i += lanes) {
        const __m256 values =
            _mm256_mul_ps(_mm256_loadu_ps(arguments.values + i), _mm256_set1_ps(factor));
        _mm256_storeu_ps(arguments.out + i,
                         _mm256_mul_ps(values, _mm256_loadu_ps(arguments.weight + i)));
    }
    for (std::uint32_t i = whole; i < arguments.width; ++i) {
        arguments.out[i] = arguments.values[i] * factor * arguments.weight[i];
    }
}

/// A register holds four pairs; the table holds their cosines at even and sines at odd places.
void rotate(const RotateArguments& arguments) {
    const std::uint32_t whole = arguments.dimensions / lanes * lanes;
    for (std::uint32_t head = 0; head < arguments.head_count; ++head) {
        float* const values = arguments.heads + std::size_t{head} * arguments.head_dim;
        for (std::uint32_t i = 0; i < whole; i += lanes) {
            const __m256 angles = _mm256_loadu_ps(arguments.table + i);
            const __m256 pairs = _mm256_loadu_ps(values + i);
            const __m256 crossed =
                _mm256_mul_ps(_mm256_permute_ps(pairs, 0xb1), _mm256_movehdup_ps(angles));
            _mm256_storeu_ps(values + i,
                             _mm256_fmaddsub_ps(pairs, _mm256_moveldup_ps(angles), crossed));
        }
        for (std::uint32_t i = whole; i < arguments.dimensions; i += 2) {
            const float x = values[i];
            const float y = values[i + 1];
            values[i] = x * arguments.table[i] - y * arguments.table[i + 1];
            values[i + 1] = x * arguments.table[i + 1] + y * arguments.table[i];
        }
    }
}

void softmax(float* values, std::uint32_t count) {
    const std::uint32_t whole = count / lanes * lanes;
    float largest = values[0];
    for (std::uint32_t i = 1; i < count; ++i) largest = values[i] > largest ? values[i] : largest;
    const __m256 shift = _mm256_set1_ps(largest);
    float sum = 0.0F;
    __m256 sums = _mm256_setzero_ps();
    for (std::uint32_t i = 0; i < whole; i += lanes) {
        const __m256 power = exponential(_mm256_sub_ps(_mm256_loadu_ps(values + i), shift));
        sums = _mm256_add_ps(sums, power);
        _mm256_storeu_ps(values + i, power);
    }
    if (whole < count) {
        const __m256 some = load_some(values + whole, count - whole);
        store_some(values + whole, exponential(_mm256_sub_ps(some, shift)), count - whole);
        for (std::uint32_t i = whole; i < count; ++i) sum += values[i];
    }
    const float factor = 1.0F / (sum + sum_lanes(sums));
    for (std::uint32_t i = 0; i < count; ++i) values[i] *= factor;
}

__m256 gated(__m256 gate, __m256 up) noexcept {
    const __m256 one = _mm256_set1_ps(1.0F);
    const __m256 power = exponential(_mm256_sub_ps(_mm256_setzero_ps(), gate));
    return _mm256_mul_ps(_mm256_div_ps(gate, _mm256_add_ps(one, power)), up);
}

void swiglu(float* gate, const float* up, std::uint32_t count) {
    const std::uint32_t whole = count / lanes * lanes;
    for (std::uint32_t i = 0; i < whole; i += lanes) {
        _mm256_storeu_ps(gate + i, gated(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    }
    if (whole == count) return;
    const std::uint32_t left = count - whole;
    store_some(gate + whole, gated(load_some(gate + whole, left), load_some(up + whole, left)),
               left);
}

void store_kv(const float* from, std::uint32_t count, void* to) {
    auto* const halves = static_cast<std::uint8_t*>(to);
    std::uint32_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const __m128i packed = _mm256_cvtps_ph(_mm256_loadu_ps(from + i),
                                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(halves + std::size_t{i} * 2), packed);
    }
    for (; i < count; ++i) {
        const std::uint16_t half = float_to_half(from[i]);
        std::memcpy(halves + std::size_t{i} * 2, &half, sizeof(half));
    }
}

float load_half(const std::uint8_t* at) noexcept {
    std::uint16_t half;
    std::memcpy(&half, at, sizeof(half));
    return half_to_float(half);
}

float dot_key(const float* query, const std::uint8_t* key, std::uint32_t head_dim) noexcept {
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    std::uint32_t i = 0;
    for (; i + 2 * lanes <= head_dim; i += 2 * lanes) {
        const std::uint8_t* const at = key + std::size_t{i} * 2;
        sums[0] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), load_halves(at), sums[0]);
        sums[1] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + lanes),
                                  load_halves(at + std::size_t{lanes} * 2), sums[1]);
    }
    float sum = sum_lanes(_mm256_add_ps(sums[0], sums[1]));
    for (; i < head_dim; ++i) sum += query[i] * load_half(key + std::size_t{i} * 2);
    return sum;
}

/// Eight elements of the output, from element `first` on, of Heads query heads from `head` on.
template <std::size_t Heads>
void mix_values(const AttendArguments& arguments, std::uint32_t head, std::uint32_t first) {
    const auto* values =
        static_cast<const std::uint8_t*>(arguments.values) + std::size_t{first} * 2;
    const float* const scores = arguments.scores + std::size_t{head} * arguments.positions;
    __m256 totals[Heads];
    for (std::size_t i = 0; i < Heads; ++i) totals[i] = _mm256_setzero_ps();
    for (std::uint32_t position = 0; position < arguments.positions; ++position) {
        const __m256 value = load_halves(values);
        values += std::size_t{arguments.head_dim} * 2;
        for (std::size_t i = 0; i < Heads; ++i) {
            const __m256 score = _mm256_set1_ps(scores[i * arguments.positions + position]);
            totals[i] = _mm256_fmadd_ps(score, value, totals[i]);
        }
    }
    float* const out = arguments.out + std::size_t{head} * arguments.head_dim + first;
    for (std::size_t i = 0; i < Heads; ++i) {
        _mm256_storeu_ps(out + i * arguments.head_dim, totals[i]);
    }
}

/// One output element where the head's width is no multiple of eight.
void mix_one(const AttendArguments& arguments, std::uint32_t head, std::uint32_t element) {
    const auto* const values = static_cast<const std::uint8_t*>(arguments.values);
    const float* const scores = arguments.scores + std::size_t{head} * arguments.positions;
    float total = 0.0F;
    for (std::size_t position = 0; position < arguments.positions; ++position) {
        total +=
            scores[position] * load_half(values + (position * arguments.head_dim + element) * 2);
    }
    arguments.out[std::size_t{head} * arguments.head_dim + element] = total;
}

void mix_heads(const AttendArguments& arguments, std::uint32_t head, std::uint32_t count) {
    const std::uint32_t whole = arguments.head_dim / lanes * lanes;
    for (std::uint32_t first = 0; first < whole; first += lanes) {
        switch (count) {
            case 4:
                mix_values<4>(arguments, head, first);
                break;
            case 3:
                mix_values<3>(arguments, head, first);
                break;
            case 2:
                mix_values<2>(arguments, head, first);
                break;
            default:
                mix_values<1>(arguments, head, first);
                break;
        }
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        for (std::uint32_t element = whole; element < arguments.head_dim; ++element) {
            mix_one(arguments, head + i, element);
        }
    }
}

void attend(const AttendArguments& arguments) {
    const auto* const keys = static_cast<const std::uint8_t*>(arguments.keys);
    const std::size_t key_bytes = std::size_t{arguments.head_dim} * 2;
    for (std::uint32_t head = 0; head < arguments.group; ++head) {
        const float* const query = arguments.query + std::size_t{head} * arguments.head_dim;
        float* const scores = arguments.scores + std::size_t{head} * arguments.positions;
        for (std::uint32_t position = 0; position < arguments.positions; ++position) {
            const float product = dot_key(query, keys + position * key_bytes, arguments.head_dim);
            scores[position] = product * arguments.scale;
        }
        softmax(scores, arguments.positions);
    }
    for (std::uint32_t head = 0; head < arguments.group; head += group_tile) {
        const std::uint32_t left = arguments.group - head;
        mix_heads(arguments, head, left < group_tile ? left : group_tile);
    }
}

}  // namespace

const Kernels& kernels_avx2() noexcept {
    static constexpr Kernels table{
        .name = "avx2",
        .packs_weights = true,
        .kv_element_bytes = 2,
        .quantise = quantise,
        .matmul = matmul_avx2,
        .rms_norm = rms_norm,
        .rotate = rotate,
        .softmax = softmax,
        .swiglu = swiglu,
        .store_kv = store_kv,
        .attend = attend,
    };
    return table;
}

}  // namespace ait::gpu
