#pragma once

// The models of this process: which names there are, and an open engine for each that is used.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gpu/core/engine.hpp"
#include "gpu/core/model_store.hpp"
#include "runtime/base/result.hpp"
#include "runtime/miner/gguf_check.hpp"

namespace ait::miner_process {

/// What computes: the best kernels of this processor, or the scalar ones that define correctness.
enum class Backend : std::uint8_t { automatic, scalar };

/// An engine in use. Holding it keeps the engine open.
struct OpenModel {
    std::shared_ptr<gpu::Engine> engine{};
    std::string name{};        ///< of the model that really runs
    std::int64_t load_us = 0;  ///< 0 when it was open already
};

/// A model that can be asked for.
struct ModelRow {
    std::string name{};
    std::vector<std::string> aliases{};
    std::string quantisation{};
    std::uint64_t bytes = 0;  ///< of the file; 0 for synthetic ones
    bool is_loaded = false;
};

/// Any thread.
class EngineHost {
  public:
    struct Options {
        std::string model{};  ///< name in the folder, alias, path of a .gguf file or synthetic://
        std::string models_dir{};
        gpu::ModelStore::Aliases aliases{};
        unsigned threads = 0;
        std::size_t engines_max = 3;    ///< open at a time; the longest unused one is closed
        GgufCheckOptions gguf_check{};  ///< who reads a model file first
    };
    /// Finds the model, opens nothing. Errors: those of ModelStore.
    static Result<std::unique_ptr<EngineHost>> create(Options options);

    /// The engine of a name; the configured model's for an empty one. Opens it if need be, which
    /// may take seconds. Errors: not_found, overloaded (all engines are in use), those of
    /// open_checked_gguf and Engine::open.
    Result<OpenModel> acquire(const std::string& name, Backend backend);

    /// The configured model's real name.
    [[nodiscard]] const std::string& primary() const noexcept { return primary_.name; }
    /// The names by which the configured model is known besides.
    [[nodiscard]] std::vector<std::string> primary_aliases() const;
    /// All that can be asked for, the configured one first.
    [[nodiscard]] std::vector<ModelRow> models() const;

  private:
    struct Slot {
        std::string name{};
        Backend backend = Backend::automatic;
        std::shared_ptr<gpu::Engine> engine{};
        std::uint64_t last_use = 0;
    };
    EngineHost(Options options, gpu::ModelStore store, gpu::ModelLocation primary);
    [[nodiscard]] bool is_primary(const std::string& name) const;
    [[nodiscard]] Result<gpu::ModelLocation> locate(const std::string& name) const;
    [[nodiscard]] std::shared_ptr<gpu::Engine> find_open(const std::string& name, Backend backend);
    Status make_room();
    [[nodiscard]] Result<std::unique_ptr<gpu::Engine>> open(const gpu::ModelLocation& location,
                                                            Backend backend) const;

    const Options options_;
    const gpu::ModelStore store_;
    const gpu::ModelLocation primary_;
    std::mutex opening_{};  ///< one at a time: opening takes all cores and much memory
    mutable std::mutex mutex_{};
    std::vector<Slot> slots_{};
    std::uint64_t uses_ = 0;
};

}  // namespace ait::miner_process
