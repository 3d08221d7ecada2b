#include "gpu/core/gguf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gpu/core/gguf_writer.hpp"

namespace ait::gpu {
namespace {

using testing::HasSubstr;

/// Writes a file field by field, so that each field can be wrong.
class RawFile {
  public:
    RawFile& u8(std::uint8_t value) { return put(value); }
    RawFile& u32(std::uint32_t value) { return put(value); }
    RawFile& u64(std::uint64_t value) { return put(value); }
    RawFile& text(std::string_view value) {
        u64(value.size());
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return *this;
    }
    RawFile& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    RawFile& preamble(std::uint64_t tensors, std::uint64_t entries, std::uint32_t version = 3) {
        return u32(0x46554747).u32(version).u64(tensors).u64(entries);
    }
    /// One f32 tensor's description.
    RawFile& vector(std::string_view name, std::uint64_t length, std::uint64_t offset) {
        return text(name).u32(1).u64(length).u32(0).u64(offset);
    }
    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

  private:
    template <class T>
    RawFile& put(T value) {
        const auto* const start = reinterpret_cast<const std::uint8_t*>(&value);
        bytes_.insert(bytes_.end(), start, start + sizeof(T));
        return *this;
    }
    std::vector<std::uint8_t> bytes_{};
};

void expect_refused(const RawFile& file, ErrorCode code, const std::string& why) {
    const auto read = GgufFile::parse(file.bytes());
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, code);
    EXPECT_THAT(read.error().why, HasSubstr(why));
    EXPECT_FALSE(read.error().next.empty());
}

std::vector<std::uint8_t> small_image() {
    GgufWriter writer;
    writer.add_unsigned("a.number", 7);
    writer.add_float("a.float", 0.5F);
    writer.add_bool("a.bool", true);
    writer.add_string("a.string", "text");
    writer.add_string_array("a.texts", std::vector<std::string>{"x", "", "yz"});
    writer.add_int_array("a.ints", std::vector<std::int32_t>{3, -4});
    const auto fill = [](std::uint8_t value) {
        return [value](std::span<std::uint8_t> bytes) {
            for (auto& byte : bytes) byte = value;
        };
    };
    writer.add_tensor("second", TensorType::f32, std::array<std::uint64_t, 1>{3}, fill(1));
    writer.add_tensor("first", TensorType::q8_0, std::array<std::uint64_t, 2>{64, 5}, fill(2));
    return writer.finish();
}

// Breaks if writer and reader disagree: every synthetic model would be wrong.
TEST(GgufFile, what_the_writer_wrote_is_read_back) {
    const auto image = small_image();
    const auto read = GgufFile::parse(image);
    ASSERT_TRUE(read.ok()) << read.error().why;
    const GgufFile& file = read.value();
    EXPECT_EQ(file.version(), 3U);
    EXPECT_EQ(file.image_bytes(), image.size());
    EXPECT_EQ(file.find_unsigned("a.number"), 7U);
    EXPECT_EQ(file.find_float("a.float"), 0.5);
    EXPECT_EQ(file.find_bool("a.bool"), true);
    EXPECT_EQ(file.find_string("a.string"), "text");
    EXPECT_THAT(file.find_string_array("a.texts").value(), testing::ElementsAre("x", "", "yz"));
    EXPECT_THAT(file.find_int_array("a.ints").value(), testing::ElementsAre(3, -4));

    ASSERT_EQ(file.tensors().size(), 2U);
    EXPECT_EQ(file.tensors()[0].name, "second");
    const TensorView* const first = file.find_tensor("first");
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->type, TensorType::q8_0);
    EXPECT_EQ(first->rows(), 5U);
    EXPECT_EQ(first->row_bytes(), 68U);
    EXPECT_EQ(first->elements(), 320U);
    EXPECT_THAT(first->bytes, testing::Each(2));
    EXPECT_THAT(file.find_tensor("second")->bytes, testing::SizeIs(12));
}

// Breaks if a key of another kind is taken for the one asked for.
TEST(GgufFile, a_value_is_only_found_as_what_it_is) {
    const auto image = small_image();
    const auto read = GgufFile::parse(image);
    ASSERT_TRUE(read.ok());
    const GgufFile& file = read.value();
    EXPECT_FALSE(file.find_unsigned("absent"));
    EXPECT_FALSE(file.find_unsigned("a.string"));
    EXPECT_FALSE(file.find_unsigned("a.float"));
    EXPECT_FALSE(file.find_float("a.number"));
    EXPECT_FALSE(file.find_bool("a.number"));
    EXPECT_FALSE(file.find_string("a.texts"));
    EXPECT_FALSE(file.find_string_array("a.ints"));
    EXPECT_FALSE(file.find_string_array("a.string"));
    EXPECT_FALSE(file.find_int_array("a.texts"));
    EXPECT_FALSE(file.find_float_array("a.ints"));
    EXPECT_EQ(file.find_tensor("absent"), nullptr);
    EXPECT_FALSE(file.contains("a"));
    EXPECT_TRUE(file.contains("a.bool"));
}

TEST(GgufFile, integers_of_every_width_are_read_and_negative_ones_are_not_unsigned) {
    RawFile file;
    file.preamble(0, 9);
    file.text("u8").u32(0).u8(200).text("i8").u32(1).u8(0xff);
    file.text("u16").u32(2).u8(1).u8(1).text("i16").u32(3).u8(0).u8(0x80);
    file.text("i32").u32(5).u32(0x7fffffff).text("u64").u32(10).u64(~0ULL);
    file.text("i64").u32(11).u64(5).text("f64").u32(12).u64(0x3ff8000000000000);
    file.text("u64s").u32(9).u32(10).u64(1).u64(~0ULL);
    const auto read = GgufFile::parse(file.bytes());
    ASSERT_TRUE(read.ok()) << read.error().why;
    EXPECT_EQ(read.value().find_unsigned("u8"), 200U);
    EXPECT_FALSE(read.value().find_unsigned("i8"));
    EXPECT_EQ(read.value().find_unsigned("u16"), 257U);
    EXPECT_FALSE(read.value().find_unsigned("i16"));
    EXPECT_EQ(read.value().find_unsigned("i32"), 0x7fffffffU);
    EXPECT_EQ(read.value().find_unsigned("u64"), ~0ULL);
    EXPECT_EQ(read.value().find_unsigned("i64"), 5U);
    EXPECT_EQ(read.value().find_float("f64"), 1.5);
    EXPECT_FALSE(read.value().find_int_array("u64s")) << "does not fit in 64 signed bits";
}

TEST(GgufFile, version_2_is_read_too) {
    EXPECT_TRUE(GgufFile::parse(RawFile().preamble(0, 0, 2).bytes()).ok());
}

TEST(GgufFile, a_file_without_tensors_needs_no_padding) {
    RawFile file;
    file.preamble(0, 1).text("k").u32(0).u8(1);
    EXPECT_TRUE(GgufFile::parse(file.bytes()).ok());
}

// Breaks if any read trusts that more bytes follow: a cut download would crash the node.
TEST(GgufFile, every_proper_prefix_of_a_file_is_refused) {
    const auto image = small_image();
    // The last tensor ends 12 bytes of padding before the image does: 340 bytes of 352.
    for (std::size_t length = 0; length < image.size() - 12; ++length) {
        const auto read = GgufFile::parse(std::span(image).first(length));
        ASSERT_FALSE(read.ok()) << length;
        ASSERT_EQ(read.error().code, ErrorCode::malformed) << length;
    }
}

TEST(GgufFile, a_wrong_magic_number_is_refused) {
    expect_refused(RawFile().u32(0x12345678).u32(3).u64(0).u64(0), ErrorCode::malformed, "GGUF");
}

TEST(GgufFile, version_1_is_refused) {
    expect_refused(RawFile().preamble(0, 0, 1), ErrorCode::unsupported, "version 1");
}

TEST(GgufFile, a_big_endian_file_is_refused_as_such) {
    expect_refused(RawFile().preamble(0, 0, 0x03000000), ErrorCode::unsupported, "big-endian");
}

TEST(GgufFile, too_many_tensors_are_refused_before_any_is_read) {
    expect_refused(RawFile().preamble(100'001, 0), ErrorCode::limit_reached, "100001 tensors");
}

TEST(GgufFile, too_many_metadata_entries_are_refused_before_any_is_read) {
    expect_refused(RawFile().preamble(0, 1'000'001), ErrorCode::limit_reached, "1000001 metadata");
}

TEST(GgufFile, a_key_longer_than_the_format_allows_is_refused) {
    expect_refused(RawFile().preamble(0, 1).u64(65'536).zeros(70'000), ErrorCode::limit_reached,
                   "65536");
}

TEST(GgufFile, a_length_near_two_to_the_64_is_refused) {
    expect_refused(RawFile().preamble(0, 1).u64(~0ULL), ErrorCode::limit_reached, "metadata key");
    expect_refused(RawFile().preamble(0, 1).text("k").u32(8).u64(~0ULL - 7),
                   ErrorCode::limit_reached, "\"k\"");
}

TEST(GgufFile, an_empty_key_and_a_key_with_control_bytes_are_refused) {
    expect_refused(RawFile().preamble(0, 1).text("").u32(0).u8(1), ErrorCode::malformed,
                   "printable");
    expect_refused(RawFile().preamble(0, 1).text("a\x1b[31m").u32(0).u8(1), ErrorCode::malformed,
                   "printable");
}

TEST(GgufFile, an_unknown_value_type_is_refused) {
    expect_refused(RawFile().preamble(0, 1).text("k").u32(13).u64(0), ErrorCode::malformed,
                   "unknown type 13");
}

TEST(GgufFile, a_boolean_that_is_neither_0_nor_1_is_refused) {
    expect_refused(RawFile().preamble(0, 1).text("k").u32(7).u8(2), ErrorCode::malformed,
                   "neither");
    expect_refused(RawFile().preamble(0, 1).text("k").u32(9).u32(7).u64(2).u8(1).u8(3),
                   ErrorCode::malformed, "neither");
}

TEST(GgufFile, an_array_of_arrays_is_refused) {
    expect_refused(RawFile().preamble(0, 1).text("k").u32(9).u32(9).u64(1).zeros(64),
                   ErrorCode::malformed, "only scalars and strings");
}

TEST(GgufFile, an_array_with_too_many_elements_is_refused) {
    expect_refused(RawFile().preamble(0, 1).text("k").u32(9).u32(0).u64(4'000'001).zeros(64),
                   ErrorCode::limit_reached, "4000001");
    expect_refused(RawFile().preamble(0, 1).text("k").u32(9).u32(8).u64(~0ULL).zeros(64),
                   ErrorCode::limit_reached, "elements");
}

TEST(GgufFile, an_array_that_promises_more_than_the_file_has_is_refused) {
    expect_refused(RawFile().preamble(0, 1).text("k").u32(9).u32(10).u64(9).zeros(64),
                   ErrorCode::malformed, "ends within");
    expect_refused(RawFile().preamble(0, 1).text("k").u32(9).u32(8).u64(9).zeros(64),
                   ErrorCode::malformed, "ends within");
}

TEST(GgufFile, a_key_that_stands_there_twice_is_refused) {
    expect_refused(RawFile().preamble(0, 2).text("k").u32(0).u8(1).text("k").u32(0).u8(2),
                   ErrorCode::malformed, "twice");
}

TEST(GgufFile, an_alignment_that_is_no_power_of_two_within_bounds_is_refused) {
    for (const std::uint32_t alignment : {0U, 1U, 4U, 24U, 33U, 131'072U}) {
        expect_refused(RawFile().preamble(0, 1).text("general.alignment").u32(4).u32(alignment),
                       ErrorCode::malformed, "alignment");
    }
    expect_refused(RawFile().preamble(0, 1).text("general.alignment").u32(8).text("32"),
                   ErrorCode::malformed, "alignment");
}

TEST(GgufFile, a_tensor_name_is_bounded_and_printable) {
    expect_refused(RawFile().preamble(1, 0).vector(std::string(65, 'x'), 4, 0).zeros(99),
                   ErrorCode::limit_reached, "tensor name");
    expect_refused(RawFile().preamble(1, 0).vector("a\n", 4, 0).zeros(99), ErrorCode::malformed,
                   "printable");
    expect_refused(RawFile().preamble(1, 0).vector("", 4, 0).zeros(99), ErrorCode::malformed,
                   "printable");
}

TEST(GgufFile, zero_or_five_dimensions_are_refused) {
    expect_refused(RawFile().preamble(1, 0).text("t").u32(0).zeros(99), ErrorCode::malformed,
                   "0 dimensions");
    expect_refused(RawFile().preamble(1, 0).text("t").u32(5).zeros(99), ErrorCode::malformed,
                   "5 dimensions");
}

TEST(GgufFile, an_empty_tensor_is_refused) {
    expect_refused(RawFile().preamble(1, 0).text("t").u32(2).u64(32).u64(0).u32(0).u64(0),
                   ErrorCode::malformed, "empty");
}

TEST(GgufFile, a_shape_whose_product_overflows_is_refused) {
    RawFile file;
    file.preamble(1, 0).text("t").u32(2).u64(1ULL << 33).u64(1ULL << 31).u32(0).u64(0).zeros(99);
    expect_refused(file, ErrorCode::malformed, "element count");
}

TEST(GgufFile, a_byte_size_that_overflows_is_refused) {
    RawFile file;
    file.preamble(1, 0).text("t").u32(1).u64(1ULL << 62).u32(0).u64(0).zeros(99);
    expect_refused(file, ErrorCode::malformed, "64 bits");
}

TEST(GgufFile, an_unknown_tensor_type_is_refused_with_the_ones_that_work) {
    RawFile file;
    file.preamble(1, 0).text("t").u32(1).u64(32).u32(99).u64(0).zeros(999);
    expect_refused(file, ErrorCode::unsupported, "number 99");
}

TEST(GgufFile, a_row_that_is_no_whole_number_of_blocks_is_refused) {
    RawFile file;
    file.preamble(1, 0).text("t").u32(1).u64(33).u32(8).u64(0).zeros(999);
    expect_refused(file, ErrorCode::malformed, "multiple of 32");
}

TEST(GgufFile, an_offset_that_is_not_aligned_is_refused) {
    expect_refused(RawFile().preamble(1, 0).vector("t", 4, 16).zeros(999), ErrorCode::malformed,
                   "multiple of 32");
}

TEST(GgufFile, a_tensor_that_passes_the_end_of_the_file_is_refused) {
    expect_refused(RawFile().preamble(1, 0).vector("t", 1'000, 0).zeros(999), ErrorCode::malformed,
                   "passes the end");
    expect_refused(RawFile().preamble(1, 0).vector("t", 4, ~31ULL).zeros(999), ErrorCode::malformed,
                   "passes the end");
    expect_refused(RawFile().preamble(1, 0).vector("t", 4, 0), ErrorCode::malformed,
                   "passes the end");
}

TEST(GgufFile, tensors_that_overlap_are_refused) {
    expect_refused(RawFile().preamble(2, 0).vector("a", 16, 0).vector("b", 4, 32).zeros(999),
                   ErrorCode::malformed, "overlaps");
}

TEST(GgufFile, a_tensor_name_that_stands_there_twice_is_refused) {
    expect_refused(RawFile().preamble(2, 0).vector("a", 4, 0).vector("a", 4, 32).zeros(999),
                   ErrorCode::malformed, "twice");
}

TEST(GgufFile, a_header_beyond_64_MiB_is_refused) {
    RawFile file;
    file.preamble(0, 66);
    for (int i = 0; i < 66; ++i)
        file.text("k" + std::to_string(i)).u32(8).u64(1 << 20).zeros(1 << 20);
    expect_refused(file, ErrorCode::limit_reached, "header passes");
}

TEST(GgufFile, a_file_on_disk_is_mapped_and_the_views_outlive_the_first_copy) {
    const auto path = std::filesystem::path(testing::TempDir()) / "ait_gguf_test.gguf";
    const auto image = small_image();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()),
               static_cast<std::streamsize>(image.size()));
    auto read = GgufFile::open(path);
    std::filesystem::remove(path);
    ASSERT_TRUE(read.ok()) << read.error().why;
    const GgufFile copy = read.value();
    read = Error{};
    EXPECT_THAT(copy.find_tensor("first")->bytes, testing::Each(2));
}

TEST(GgufFile, a_missing_file_an_empty_one_and_a_folder_are_refused) {
    const std::filesystem::path folder(testing::TempDir());
    EXPECT_EQ(GgufFile::open(folder / "ait_no_such.gguf").error().code, ErrorCode::not_found);
    EXPECT_EQ(GgufFile::open(folder).error().code, ErrorCode::malformed);
    EXPECT_EQ(GgufFile::open("/dev/null").error().code, ErrorCode::malformed);
    const auto path = folder / "ait_gguf_bad.gguf";
    std::ofstream(path) << "not a model";
    const auto read = GgufFile::open(path);
    std::filesystem::remove(path);
    ASSERT_FALSE(read.ok());
    EXPECT_THAT(read.error().what, HasSubstr("ait_gguf_bad.gguf"));
}

TEST(TensorType, rows_are_found_by_type_and_by_name) {
    for (const auto type :
         {TensorType::f32, TensorType::f16, TensorType::q4_0, TensorType::q4_1, TensorType::q8_0,
          TensorType::q4_k, TensorType::q6_k, TensorType::bf16}) {
        const TensorTypeRow& row = tensor_type_row(type);
        EXPECT_EQ(find_tensor_type(row.name), &row);
    }
    EXPECT_EQ(find_tensor_type("q5_k"), nullptr);
}

}  // namespace
}  // namespace ait::gpu
