#include "gpu/core/model_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace ait::gpu {
namespace {

using testing::HasSubstr;

class ModelStoreFolders : public testing::Test {
  protected:
    ModelStoreFolders() {
        root_ = std::filesystem::path(testing::TempDir()) /
                ("ait_model_store_" + std::to_string(::getpid()));
        for (const char* file :
             {"one/SmolLM2-135M-Instruct.Q4_1.gguf", "one/tiny-Q8_0.GGUF", "one/notes.txt",
              "one/plain.gguf", "two/smollm2-135m-instruct.q8_0.gguf",
              "two/SmolLM2-135M-instruct.Q4_1.gguf"}) {
            std::filesystem::create_directories((root_ / file).parent_path());
            std::ofstream(root_ / file) << "12345";
        }
        std::filesystem::create_directories(root_ / "one/folder.gguf");
    }
    ~ModelStoreFolders() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] ModelStore scan(ModelStore::Aliases aliases = {}) const {
        const std::vector<std::filesystem::path> folders{root_ / "one", root_ / "absent",
                                                         root_ / "two"};
        auto store = ModelStore::scan(folders, std::move(aliases));
        AIT_ASSERT(store.ok());
        return std::move(store).value();
    }

    std::filesystem::path root_{};
};

TEST(ModelFileName, the_quantisation_is_told_from_the_name) {
    const auto parts = [](const char* path) {
        const ModelFile file = model_file_of(path);
        return file.name + "|" + file.quantisation;
    };
    EXPECT_EQ(parts("/x/SmolLM2-135M-Instruct.Q4_1.gguf"), "smollm2-135m-instruct|q4_1");
    EXPECT_EQ(parts("Llama-3.2-1B-Instruct-Q4_K_M.gguf"), "llama-3.2-1b-instruct|q4_k_m");
    EXPECT_EQ(parts("m.bf16.gguf"), "m|bf16");
    EXPECT_EQ(parts("m-IQ2_XS.gguf"), "m|iq2_xs");
    EXPECT_EQ(parts("phi-3.5.gguf"), "phi-3.5|");
    EXPECT_EQ(parts("q8_0.gguf"), "q8_0|");
    EXPECT_EQ(parts("model-qwen.gguf"), "model-qwen|");
}

TEST_F(ModelStoreFolders, files_are_listed_once_in_the_order_of_folders) {
    std::vector<std::string> names;
    const ModelStore store = scan();
    for (const ModelFile& file : store.files()) {
        names.push_back(file.name + ":" + file.quantisation);
        EXPECT_EQ(file.bytes, 5U);
    }
    EXPECT_THAT(names, testing::ElementsAre("smollm2-135m-instruct:q4_1", "plain:", "tiny:q8_0",
                                            "smollm2-135m-instruct:q8_0"));
}

TEST_F(ModelStoreFolders, a_model_is_found_by_any_spelling_of_its_name) {
    const ModelStore store = scan();
    for (const char* name :
         {"smollm2-135m-instruct", "SmolLM2-135M-Instruct", "smollm2-135m-instruct:latest",
          "smollm2-135m-instruct:q4_1", "smollm2-135m-instruct.Q4_1"}) {
        const auto found = store.find(name);
        ASSERT_TRUE(found.ok()) << name;
        EXPECT_EQ(found.value().name, "smollm2-135m-instruct");
        EXPECT_EQ(found.value().path, root_ / "one/SmolLM2-135M-Instruct.Q4_1.gguf");
        EXPECT_FALSE(found.value().is_synthetic());
    }
    EXPECT_EQ(store.find("smollm2-135m-instruct:q8_0").value().path,
              root_ / "two/smollm2-135m-instruct.q8_0.gguf");
}

TEST_F(ModelStoreFolders, an_alias_leads_to_a_model_or_a_synthetic_uri) {
    const ModelStore store = scan({{"Llama3", "smollm2-135m-instruct"},
                                   {"random", "synthetic://llama?seed=3"},
                                   {"loop", "loop"}});
    EXPECT_EQ(store.find("llama3:latest").value().name, "smollm2-135m-instruct");
    const auto random = store.find("random");
    ASSERT_TRUE(random.ok());
    EXPECT_TRUE(random.value().is_synthetic());
    EXPECT_TRUE(open_model(random.value()).ok());
    EXPECT_EQ(store.find("loop").error().code, ErrorCode::not_found);
}

TEST_F(ModelStoreFolders, a_synthetic_uri_has_one_canonical_name) {
    const ModelStore store = scan();
    const auto a = store.find("synthetic://llama?seed=3&layers=2");
    const auto b = store.find("synthetic://llama?layers=2&seed=3");
    ASSERT_TRUE(a.ok());
    ASSERT_TRUE(b.ok());
    EXPECT_EQ(a.value().name, b.value().name);
    EXPECT_EQ(store.find("synthetic://llama?x=1").error().code, ErrorCode::invalid_argument);
}

TEST_F(ModelStoreFolders, an_unknown_name_is_answered_with_those_that_are_near) {
    const ModelStore store = scan({{"llama3", "tiny"}});
    const auto near = store.find("smolm2-135m-instruct");
    ASSERT_FALSE(near.ok());
    EXPECT_EQ(near.error().code, ErrorCode::not_found);
    EXPECT_EQ(near.error().next, "Did you mean smollm2-135m-instruct?");
    EXPECT_THAT(store.find("lama3").error().next, HasSubstr("llama3"));
    EXPECT_THAT(store.find("135m").error().next, HasSubstr("smollm2-135m-instruct"));
    EXPECT_THAT(store.find("something-else-entirely").error().next, HasSubstr("model folder"));
}

TEST_F(ModelStoreFolders, an_empty_or_endless_name_is_refused) {
    const ModelStore store = scan();
    EXPECT_EQ(store.find("").error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(store.find(std::string(129, 'x')).error().code, ErrorCode::invalid_argument);
}

TEST_F(ModelStoreFolders, a_file_in_place_of_a_folder_is_reported) {
    const std::vector<std::filesystem::path> folders{root_ / "one/plain.gguf"};
    const auto store = ModelStore::scan(folders, {});
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, ErrorCode::unavailable);
}

TEST_F(ModelStoreFolders, a_file_that_is_no_model_fails_when_it_is_opened) {
    const auto found = scan().find("plain");
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(open_model(found.value()).error().code, ErrorCode::malformed);
}

}  // namespace
}  // namespace ait::gpu
