#include "actors/miner/gpu_spec.hpp"

#include <gtest/gtest.h>

#include "actors/miner/registration.hpp"

namespace ait::miner {
namespace {

struct Reading {
    const char* text;
    const char* model;
    std::uint32_t count;
    std::uint32_t memory_mb;
};

// Breaks if `--gpus "1x RTX 4090"` of scenario 2.1, or a form that people use, were read otherwise.
TEST(GpuSpec, reads_what_people_write) {
    const std::array readings{
        Reading{"1x RTX 4090", "RTX 4090", 1, 24'576},
        Reading{"RTX 4090", "RTX 4090", 1, 24'576},
        Reading{"2x A100 80GB", "A100", 2, 81'920},
        Reading{"2x A100", "A100", 2, 40'960},
        Reading{"2 A100 80 GB", "A100", 2, 81'920},
        Reading{"8xH100", "H100", 8, 81'920},
        Reading{"  4X  NVIDIA  GeForce RTX 3090 ", "NVIDIA GeForce RTX 3090", 4, 24'576},
        Reading{"RTX 4090 24564MB", "RTX 4090", 1, 24'564},
        Reading{"RTX 4070 Ti Super", "RTX 4070 Ti Super", 1, 16'384},
        Reading{"Frobnicator 9000", "Frobnicator 9000", 1, 0},
        Reading{"1x Frobnicator 12G", "Frobnicator", 1, 12'288},
    };
    for (const Reading& reading : readings) {
        const auto gpus = parse_gpus(reading.text);
        ASSERT_TRUE(gpus.ok()) << reading.text;
        ASSERT_EQ(gpus.value().size(), 1U);
        EXPECT_EQ(gpus.value()[0].model, reading.model);
        EXPECT_EQ(gpus.value()[0].count, reading.count) << reading.text;
        EXPECT_EQ(gpus.value()[0].memory_mb, reading.memory_mb) << reading.text;
        EXPECT_EQ(gpus.value()[0].source, FigureSource::claimed);
    }
}

// Breaks if a list lost an entry, or the default memory overrode what is known.
TEST(GpuSpec, reads_lists_and_fills_unknown_memory_only) {
    const auto gpus = parse_gpus("1x RTX 4090, 2x Custom Card, 1x A100 80GB", 10);
    ASSERT_TRUE(gpus.ok());
    ASSERT_EQ(gpus.value().size(), 3U);
    EXPECT_EQ(gpus.value()[0].memory_mb, 24'576U);
    EXPECT_EQ(gpus.value()[1].memory_mb, 10'240U);
    EXPECT_EQ(gpus.value()[2].memory_mb, 81'920U);
    EXPECT_EQ(to_text(gpus.value()[2]), "1x A100 80GB");
}

// Breaks if nonsense were registered as hardware, or an error did not say what is readable.
TEST(GpuSpec, refuses_what_cannot_be_read_and_shows_what_can) {
    for (const char* text :
         {"", " ", ",", "RTX 4090,", "0x RTX 4090", "-1x RTX", "2000x RTX 4090", "1x", "4090",
          "80GB", "RTX 4090 0GB", "RTX 4090 99999999GB", "RTX\x1b[2J", "99999999999x A100"}) {
        const auto gpus = parse_gpus(text);
        ASSERT_FALSE(gpus.ok()) << text;
        EXPECT_EQ(gpus.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(gpus.error().next.find("1x RTX 4090"), std::string::npos);
    }
    EXPECT_FALSE(parse_gpus("Custom", 100'000).ok());
    EXPECT_FALSE(parse_gpus(std::string(100, 'x')).ok());
}

// Breaks if the command line's words did not become the registration that scenario 2.1 shows.
TEST(Registration, is_composed_from_the_rows_parameters) {
    const Json input{{"gpus", "1x RTX 4090"},
                     {"price_per_hour", "0.5"},
                     {"region", "eu-west"},
                     {"models", {"llama3.1:8b=llama3,llama3.1:8b=chat", "mistral"}},
                     {"concurrency", 4}};
    const auto composed = compose_registration(input);
    ASSERT_TRUE(composed.ok()) << composed.error().why;
    const RegisterMiner& r = composed.value();
    EXPECT_EQ(r.gpus.size(), 1U);
    EXPECT_EQ(r.price_per_hour.micro, 500'000U);
    EXPECT_EQ(r.concurrency, 4U);
    EXPECT_EQ(r.types, std::vector<std::string>{"inference"});
    ASSERT_EQ(r.models.size(), 2U);
    EXPECT_EQ(r.models[0].name, "llama3.1:8b");
    EXPECT_EQ(r.models[0].aliases, (std::vector<std::string>{"llama3", "chat"}));
    EXPECT_EQ(r.models[1].name, "mistral");
}

// Breaks if detected figures could not be given, or were taken for claims.
TEST(Registration, takes_detected_gpus_as_objects) {
    const Json input{{"gpus", Json::array({Json{{"model", "NVIDIA H100"},
                                                {"count", 1},
                                                {"memory_mb", 81'559},
                                                {"source", "detected"}}})}};
    const auto composed = compose_registration(input);
    ASSERT_TRUE(composed.ok()) << composed.error().why;
    EXPECT_EQ(composed.value().gpus[0].source, FigureSource::detected);
}

// Breaks if a registration outside its bounds were signed.
TEST(Registration, refuses_what_breaks_its_bounds) {
    for (const Json& input :
         {Json{{"concurrency", 0}}, Json{{"concurrency", 65}}, Json{{"concurrency", -1}},
          Json{{"price_per_hour", "1000001"}}, Json{{"price_per_hour", "cheap"}},
          Json{{"region", " x"}}, Json{{"region", std::string(65, 'r')}},
          Json{{"models", {"=alias"}}}, Json{{"models", {"a="}}}, Json{{"gpus", "?"}},
          Json{{"memory", -1}}}) {
        EXPECT_FALSE(compose_registration(input).ok()) << input.dump();
    }
}

}  // namespace
}  // namespace ait::miner
