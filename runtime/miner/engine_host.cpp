#include "runtime/miner/engine_host.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "gpu/core/synthetic.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/miner/model_names.hpp"

namespace ait::miner_process {
namespace {

bool is_path(const std::string& model) {
    return model.ends_with(".gguf") && model.find('/') != std::string::npos &&
           !model.starts_with(gpu::synthetic_scheme);
}

Result<gpu::ModelLocation> locate_primary(const gpu::ModelStore& store, const std::string& model) {
    if (!is_path(model)) return store.find(model);
    std::error_code failure;
    if (!std::filesystem::is_regular_file(model, failure)) {
        return Error{ErrorCode::not_found, "There is no model file " + model + ".", "",
                     "Correct miner.model."};
    }
    gpu::ModelFile file = gpu::model_file_of(model);
    return gpu::ModelLocation{.name = std::move(file.name), .path = std::move(file.path)};
}

/// The model cache of the account that runs this, whatever HOME says: a trial in another home need
/// not fetch the weights again. Empty where there is none.
std::filesystem::path account_models_folder() {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0) return {};
    if (found == nullptr || found->pw_dir == nullptr) return {};
    const auto folder = std::filesystem::path(found->pw_dir) / ".cache" / "aitbc" / "models";
    std::error_code failure;
    return std::filesystem::is_directory(folder, failure) ? folder : std::filesystem::path();
}

}  // namespace

EngineHost::EngineHost(Options options, gpu::ModelStore store, gpu::ModelLocation primary)
    : options_(std::move(options)), store_(std::move(store)), primary_(std::move(primary)) {}

Result<std::unique_ptr<EngineHost>> EngineHost::create(Options options) {
    std::vector<std::filesystem::path> folders{options.models_dir};
    auto store = gpu::ModelStore::scan(folders, options.aliases);
    if (!store.ok()) return store.error();
    auto primary = locate_primary(store.value(), options.model);
    if (const auto account = account_models_folder(); !primary.ok() && !account.empty()) {
        folders.push_back(account);
        store = gpu::ModelStore::scan(folders, options.aliases);
        if (!store.ok()) return store.error();
        primary = locate_primary(store.value(), options.model);
    }
    if (!primary.ok()) {
        Error error = primary.error();
        error.why += " Folder: " + options.models_dir + ".";
        error.next =
            "Fetch the weights with scripts/setup, put a .gguf file there, or set "
            "miner.model to synthetic://llama?layers=2&width=64&seed=1.";
        return error;
    }
    return std::unique_ptr<EngineHost>(
        new EngineHost(std::move(options), std::move(store).value(), std::move(primary).value()));
}

/// A model file outside the folder has its aliases too.
bool EngineHost::is_primary(const std::string& name) const {
    if (name.empty() || is_same_model(name, primary_.name)) return true;
    for (const auto& [alias, target] : store_.aliases()) {
        if (!is_same_model(alias, name)) continue;
        return is_same_model(target, primary_.name) || target == options_.model;
    }
    return false;
}

Result<gpu::ModelLocation> EngineHost::locate(const std::string& name) const {
    if (is_primary(name)) return primary_;
    auto location = store_.find(name);
    if (!location.ok()) return location;
    // Whoever asks may name any size of a synthetic model; the owner chose what is computed here.
    const bool is_request = name.starts_with(gpu::synthetic_scheme);
    if (is_request && location.value().name != primary_.name) {
        return Error{ErrorCode::not_found, "This synthetic model is not served here.",
                     "Only the one that the miner was started with is.",
                     "Start a miner with it: miner.model."};
    }
    return location;
}

std::shared_ptr<gpu::Engine> EngineHost::find_open(const std::string& name, Backend backend) {
    const std::scoped_lock lock(mutex_);
    for (Slot& slot : slots_) {
        if (slot.name != name || slot.backend != backend) continue;
        slot.last_use = ++uses_;
        return slot.engine;
    }
    return nullptr;
}

/// Closes the engine that nobody uses and that was used longest ago. Needs mutex_ held.
Status EngineHost::make_room() {
    if (slots_.size() < options_.engines_max) return {};
    auto victim = slots_.end();
    for (auto at = slots_.begin(); at != slots_.end(); ++at) {
        if (at->engine.use_count() > 1) continue;
        if (victim == slots_.end() || at->last_use < victim->last_use) victim = at;
    }
    if (victim == slots_.end()) {
        return Error{ErrorCode::overloaded, "The model was not opened.",
                     "All " + std::to_string(slots_.size()) + " engines are in use.",
                     "Try again in a moment."};
    }
    slots_.erase(victim);
    return {};
}

Result<std::unique_ptr<gpu::Engine>> EngineHost::open(const gpu::ModelLocation& location,
                                                      Backend backend) const {
    const gpu::EngineOptions options{.threads = options_.threads,
                                     .kernels = backend == Backend::scalar
                                                    ? gpu::KernelChoice::scalar
                                                    : gpu::KernelChoice::automatic};
    if (location.is_synthetic()) return gpu::Engine::open(location.uri, location.name, options);
    const auto file = open_checked_gguf(location.path, options_.gguf_check);
    if (!file.ok()) return file.error();
    return gpu::Engine::open_file(file.value(), location.name, options);
}

Result<OpenModel> EngineHost::acquire(const std::string& name, Backend backend) {
    const auto location = locate(name);
    if (!location.ok()) return location.error();
    const std::string& real = location.value().name;
    if (auto engine = find_open(real, backend)) return OpenModel{std::move(engine), real, 0};

    const std::scoped_lock opening(opening_);
    if (auto engine = find_open(real, backend)) return OpenModel{std::move(engine), real, 0};
    {
        const std::scoped_lock lock(mutex_);
        const Status room = make_room();
        if (!room.ok()) return room.error();
    }
    const std::int64_t begin_us = system_clock().monotonic_us();
    auto opened = open(location.value(), backend);
    if (!opened.ok()) return opened.error();
    const std::int64_t load_us = system_clock().monotonic_us() - begin_us;
    std::shared_ptr<gpu::Engine> engine = std::move(opened).value();
    const std::scoped_lock lock(mutex_);
    slots_.push_back({real, backend, engine, ++uses_});
    return OpenModel{std::move(engine), real, load_us};
}

std::vector<std::string> EngineHost::primary_aliases() const {
    std::vector<std::string> names;
    for (const auto& [alias, target] : store_.aliases()) {
        const auto location = locate(alias);
        const bool is_ours = location.ok() && location.value().name == primary_.name;
        if (is_ours && !is_same_model(alias, primary_.name)) names.push_back(alias);
    }
    return names;
}

std::vector<ModelRow> EngineHost::models() const {
    std::vector<ModelRow> rows{{.name = primary_.name, .aliases = primary_aliases()}};
    for (const gpu::ModelFile& file : store_.files()) {
        const bool is_primary = file.name == primary_.name;
        if (!is_primary) {
            const bool is_listed = std::any_of(rows.begin(), rows.end(), [&](const ModelRow& row) {
                return row.name == file.name;
            });
            if (is_listed) continue;  // another quantisation of the same name
            rows.push_back({.name = file.name});
            for (const auto& [alias, target] : store_.aliases()) {
                const auto location = store_.find(alias);
                if (location.ok() && location.value().name == file.name) {
                    rows.back().aliases.push_back(alias);
                }
            }
        }
        ModelRow& row = is_primary ? rows.front() : rows.back();
        if (is_primary && file.path != primary_.path) continue;
        row.quantisation = file.quantisation;
        row.bytes = file.bytes;
    }
    const std::scoped_lock lock(mutex_);
    for (ModelRow& row : rows) {
        row.is_loaded = std::any_of(slots_.begin(), slots_.end(),
                                    [&](const Slot& slot) { return slot.name == row.name; });
    }
    return rows;
}

}  // namespace ait::miner_process
