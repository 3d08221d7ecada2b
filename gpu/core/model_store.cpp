#include "gpu/core/model_store.hpp"

#include <algorithm>
#include <array>
#include <system_error>

#include "gpu/core/synthetic.hpp"
#include "runtime/base/limits.hpp"

namespace ait::gpu {
namespace {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

/// q4_0, q4_k_m, iq2_xs, f16, bf16, f32 and their like.
bool is_quantisation(std::string_view text) noexcept {
    if (text == "f16" || text == "bf16" || text == "f32") return true;
    text.remove_prefix(text.starts_with("iq") ? 1 : 0);
    if (text.size() < 4 || text[0] != 'q' || text[1] < '1' || text[1] > '8' || text[2] != '_') {
        return false;
    }
    return std::all_of(text.begin() + 3, text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

Error not_readable(const std::filesystem::path& folder, const std::error_code& cause) {
    return Error{ErrorCode::unavailable, "The model folder " + folder.string() + " cannot be read.",
                 "The system says: " + cause.message() + ".", "Check its permissions."};
}

/// The model files of one folder, by file name.
Result<std::vector<ModelFile>> scan_folder(const std::filesystem::path& folder) {
    std::vector<ModelFile> files;
    std::error_code cause;
    std::filesystem::directory_iterator entry(folder, cause);
    if (cause == std::errc::no_such_file_or_directory) return files;
    if (cause) return not_readable(folder, cause);
    std::size_t seen = 0;
    for (; entry != std::filesystem::directory_iterator(); entry.increment(cause)) {
        if (++seen > model_store_files_max) {
            return Error{ErrorCode::limit_reached,
                         "The model folder " + folder.string() + " has too many files.",
                         "At most " + std::to_string(model_store_files_max) + " are looked at.",
                         "Give models a folder of their own."};
        }
        // A file that vanishes or cannot be looked at is no model; the others still are.
        std::error_code ignored;
        const bool is_model = lower_case(entry->path().extension().string()) == ".gguf" &&
                              entry->is_regular_file(ignored);
        if (!is_model) continue;
        ModelFile file = model_file_of(entry->path());
        file.bytes = entry->file_size(ignored);
        if (!ignored) files.push_back(std::move(file));
    }
    if (cause) return not_readable(folder, cause);
    std::sort(files.begin(), files.end(),
              [](const ModelFile& a, const ModelFile& b) { return a.path < b.path; });
    return files;
}

/// Edits (insert, delete, replace) from one text to the other. Both are bounded by the caller.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
    for (std::size_t i = 1; i <= from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
        }
    }
    return row.back();
}

std::string_view without_latest(std::string_view name) noexcept {
    constexpr std::string_view tag = ":latest";
    if (name.ends_with(tag)) name.remove_suffix(tag.size());
    return name;
}

Result<ModelLocation> synthetic_location(std::string_view uri) {
    const auto model = parse_synthetic(uri);
    if (!model.ok()) return model.error();
    const std::string canonical = to_uri(model.value());
    return ModelLocation{.name = canonical, .path = {}, .uri = canonical};
}

}  // namespace

ModelFile model_file_of(const std::filesystem::path& path) {
    ModelFile file;
    file.path = path;
    file.name = lower_case(path.stem().string());
    const std::size_t separator = file.name.find_last_of(".-");
    if (separator != std::string::npos && separator > 0 &&
        is_quantisation(std::string_view(file.name).substr(separator + 1))) {
        file.quantisation = file.name.substr(separator + 1);
        file.name.resize(separator);
    }
    return file;
}

Result<ModelStore> ModelStore::scan(std::span<const std::filesystem::path> folders,
                                    Aliases aliases) {
    ModelStore store;
    for (auto& [alias, target] : aliases) {
        store.aliases_.emplace(without_latest(lower_case(alias)), target);
    }
    for (const std::filesystem::path& folder : folders) {
        auto files = scan_folder(folder);
        if (!files.ok()) return files.error();
        for (ModelFile& file : files.value()) {
            const bool is_known =
                std::any_of(store.files_.begin(), store.files_.end(), [&](const ModelFile& other) {
                    return other.name == file.name && other.quantisation == file.quantisation;
                });
            if (!is_known) store.files_.push_back(std::move(file));
        }
    }
    return store;
}

Result<ModelLocation> ModelStore::find(std::string_view name) const {
    if (name.starts_with(synthetic_scheme)) return synthetic_location(name);
    if (name.empty() || name.size() > ait::limits::model_name_bytes_max) {
        return Error{ErrorCode::invalid_argument, "The model name cannot be used.",
                     "It has " + std::to_string(name.size()) + " bytes; 1 to " +
                         std::to_string(ait::limits::model_name_bytes_max) + " are possible.",
                     "Name a model of the list."};
    }
    const std::string lower = lower_case(name);
    const std::string_view wanted = without_latest(lower);
    const auto alias = aliases_.find(wanted);
    if (alias == aliases_.end()) return find_name(wanted);
    if (alias->second.starts_with(synthetic_scheme)) return synthetic_location(alias->second);
    return find_name(without_latest(lower_case(alias->second)));
}

Result<ModelLocation> ModelStore::find_name(std::string_view name) const {
    for (const ModelFile& file : files_) {
        const bool fits = name == file.name || name == file.name + ":" + file.quantisation ||
                          name == file.name + "." + file.quantisation ||
                          name == file.name + "-" + file.quantisation;
        if (fits) return ModelLocation{.name = file.name, .path = file.path, .uri = {}};
    }
    Error error{ErrorCode::not_found, "There is no model \"" + std::string(name) + "\".",
                std::to_string(files_.size()) + " model files and " +
                    std::to_string(aliases_.size()) + " aliases are known.",
                "Put a .gguf file of that name into a model folder."};
    const auto near = near_names(name);
    for (std::size_t i = 0; i < near.size(); ++i) {
        error.next = i == 0 ? "Did you mean " + near[i] : error.next + " or " + near[i];
    }
    if (!near.empty()) error.next += "?";
    return error;
}

std::vector<std::string> ModelStore::near_names(std::string_view name) const {
    constexpr std::size_t names_max = 3;
    std::vector<std::pair<std::size_t, std::string>> ranked;
    const auto consider = [&](const std::string& candidate) {
        if (candidate.size() > ait::limits::model_name_bytes_max) return;
        const bool contains = name.size() >= 3 && candidate.find(name) != std::string::npos;
        const std::size_t distance = contains ? 1 : edit_distance(name, candidate);
        if (distance <= std::max<std::size_t>(2, name.size() / 3)) {
            ranked.emplace_back(distance, candidate);
        }
    };
    for (const auto& [alias, target] : aliases_) consider(alias);
    for (const ModelFile& file : files_) consider(file.name);
    std::sort(ranked.begin(), ranked.end());
    ranked.erase(std::unique(ranked.begin(), ranked.end()), ranked.end());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(ranked.size(), names_max); ++i) {
        names.push_back(ranked[i].second);
    }
    return names;
}

Result<GgufFile> open_model(const ModelLocation& location) {
    return location.is_synthetic() ? open_synthetic(location.uri) : GgufFile::open(location.path);
}

}  // namespace ait::gpu
