#pragma once

// People say "llama3" or "smollm2-135m-instruct:latest"; engines need a file. The store knows which
// model files are there, what they are called, and what was probably meant by a name that is not.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

inline constexpr std::size_t model_store_files_max = 10'000;  ///< per folder

/// A model file that was found.
struct ModelFile {
    std::string name{};          ///< canonical: lower-case file stem without quantisation suffix
    std::string quantisation{};  ///< lower case, such as "q4_1"; empty when the name has none
    std::filesystem::path path{};
    std::uint64_t bytes = 0;
};

/// What a name stands for.
struct ModelLocation {
    std::string name{};            ///< canonical; the whole URI for synthetic models
    std::filesystem::path path{};  ///< empty for synthetic models
    std::string uri{};             ///< empty for files

    [[nodiscard]] bool is_synthetic() const noexcept { return !uri.empty(); }
};

/// Canonical name and quantisation of a file name: "SmolLM2-135M-Instruct.Q4_1.gguf" gives
/// "smollm2-135m-instruct" and "q4_1". Pure.
ModelFile model_file_of(const std::filesystem::path& path);

/// A picture of the folders at one moment: scan again to see new files. Immutable; any thread.
class ModelStore {
  public:
    /// Name to name, file name, or synthetic URI; looked up once, not as a chain.
    using Aliases = std::map<std::string, std::string, std::less<>>;

    /// Looks for *.gguf directly in the folders; one that is missing is skipped. Of equal names the
    /// first folder wins, then the first file name. Errors: unavailable (a folder that cannot be
    /// read), limit_reached. Blocking.
    static Result<ModelStore> scan(std::span<const std::filesystem::path> folders, Aliases aliases);

    [[nodiscard]] std::span<const ModelFile> files() const& noexcept { return files_; }
    std::span<const ModelFile> files() const&& = delete;  ///< it would dangle
    [[nodiscard]] const Aliases& aliases() const noexcept { return aliases_; }

    /// By alias, canonical name or "name:quantisation", in any case, ":latest" meaning nothing; or
    /// a synthetic URI. Errors: invalid_argument (empty, too long, bad URI), not_found with the
    /// names that are near.
    [[nodiscard]] Result<ModelLocation> find(std::string_view name) const;

  private:
    ModelStore() = default;
    [[nodiscard]] Result<ModelLocation> find_name(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> near_names(std::string_view name) const;

    std::vector<ModelFile> files_{};
    Aliases aliases_{};
};

/// Opens the file or makes the synthetic model. Errors as GgufFile::open and open_synthetic.
Result<GgufFile> open_model(const ModelLocation& location);

}  // namespace ait::gpu
