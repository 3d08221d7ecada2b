#pragma once

// Reads everything that the node keeps, slowly and again and again, so that rot is known while a
// copy or the log can still make it good, and not when the bytes are needed.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"
#include "storage/chain_store.hpp"
#include "storage/file_system.hpp"

namespace ait::node {

class Scrubber {
  public:
    struct Parts {
        storage::FileSystem& files;
        std::string log_directory;
        const storage::Database& database;
        /// Blocks up to this height are durable in the log.
        std::function<std::uint64_t()> height_durable;
        const Clock& clock;
        std::uint64_t interval_ms = 0;       ///< between the starts of two passes; 0: no pass
        std::uint64_t bytes_per_second = 0;  ///< at least 1
        std::uint64_t first_pass_ms_max = 600'000;  ///< a short-lived node is read too
    };
    struct Figures {
        std::uint64_t passes_total = 0;
        std::uint64_t bytes_total = 0;
        std::uint64_t damage_total = 0;       ///< places
        std::int64_t last_pass_unix_ms = 0;   ///< end of the last whole pass; 0: none yet
        std::optional<Error> first_damage{};  ///< since the start
    };

    /// Everything in `parts` must outlive it.
    explicit Scrubber(Parts parts);
    Scrubber(const Scrubber&) = delete;
    Scrubber& operator=(const Scrubber&) = delete;
    /// Waits for the step under way: one file of the state at most.
    ~Scrubber();

    [[nodiscard]] Figures figures() const;

  private:
    void run();
    void pass();
    void check_log();
    void check_tables();
    /// Keeps to the rate; false when it is time to stop.
    bool pace(std::uint64_t bytes);
    bool wait_ms(std::uint64_t ms);
    void found(const Error& error);

    const Parts parts_;
    mutable std::mutex mutex_;
    std::condition_variable stopping_;
    bool stops_ = false;
    Figures figures_{};
    std::thread thread_;
};

}  // namespace ait::node
