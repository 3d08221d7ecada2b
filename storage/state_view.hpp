#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The pure cores read and write state as an ordered map of bytes without knowing where it lies. A
// StateView collects the writes of one transaction or block over something that can be read, and is
// either taken (commit) or dropped (roll-back).

namespace ait::storage {

class StateReader {
  public:
    /// Return false to end the scan. The views are valid during the call only.
    using Visit = std::function<bool(std::string_view key, std::string_view value)>;

    StateReader() = default;
    StateReader(const StateReader&) = default;
    StateReader& operator=(const StateReader&) = default;
    virtual ~StateReader() = default;

    [[nodiscard]] virtual std::optional<std::string> get(std::string_view key) const = 0;
    /// The same without a copy where the bytes lie in memory; `space` holds them where they do not.
    /// Valid until the next write and as long as `space`.
    [[nodiscard]] virtual std::optional<std::string_view> look(std::string_view key,
                                                               std::string& space) const;
    [[nodiscard]] bool has(std::string_view key) const;
    /// Visits keys that begin with `prefix` and are not below `from`, in byte order.
    virtual void scan(std::string_view prefix, std::string_view from, const Visit& visit) const = 0;
};

/// Keys in byte order (unsigned); nullopt = erased.
using WriteSet = std::map<std::string, std::optional<std::string>, std::less<>>;

/// Visits what `writes` laid over `base` shows: own values, no erased keys, the rest from the base.
void scan_merged(const WriteSet& writes, const StateReader& base, std::string_view prefix,
                 std::string_view from, const StateReader::Visit& visit);

/// What writes laid over a state show. Both must outlive it.
class StateOver final : public StateReader {
  public:
    StateOver(const WriteSet& writes, const StateReader& base) : writes_(&writes), base_(&base) {}
    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;

  private:
    const WriteSet* writes_;
    const StateReader* base_;
};

/// Writes over a base that must outlive it and must not change meanwhile. One thread. Views nest:
/// block over state, transaction over block. Do not write to a view inside its own scan.
class StateView final : public StateReader {
  public:
    explicit StateView(const StateReader& base) : base_(&base) {}
    // A view over a view would look like a copy of it, so it is not spelt this way.
    StateView(const StateView&) = delete;
    StateView& operator=(const StateView&) = delete;
    ~StateView() override = default;

    /// Undoes, when it ends, what was written since it began, unless told to keep it. One at a
    /// time for a view, on the stack.
    class Attempt {
      public:
        explicit Attempt(StateView& view);
        ~Attempt();
        Attempt(const Attempt&) = delete;
        Attempt& operator=(const Attempt&) = delete;
        void keep() noexcept { is_kept_ = true; }
        [[nodiscard]] bool has_written() const noexcept { return !view_.undo_.empty(); }

      private:
        StateView& view_;
        bool is_kept_ = false;
    };

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;

    void put(std::string key, std::string value);
    void erase(std::string_view key);

    /// A write that equals what the base has stays in the set; so does the erasure of what it
    /// lacks.
    [[nodiscard]] const WriteSet& writes() const noexcept { return writes_; }
    /// The view is empty afterwards.
    [[nodiscard]] WriteSet take_writes() noexcept;

  private:
    /// What an own write replaced; null: there was none.
    struct Undo {
        WriteSet::iterator write;
        std::optional<std::optional<std::string>> before;
    };
    /// Between the two, nothing is shown: what a queue's head has lost need not be passed over
    /// again by each scan of a block.
    struct Gap {
        std::string begin{};
        std::string end{};
    };
    void write(std::string key, std::optional<std::string> value);

    const StateReader* base_;
    WriteSet writes_;
    mutable Gap gap_{};  // the last that a scan found; empty where begin is not below end
    std::vector<Undo> undo_{};
    bool is_attempting_ = false;
};

/// State wholly in memory: for tests, simulation, and as the empty base. One thread.
class MemoryState final : public StateReader {
  public:
    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;

    void apply(const WriteSet& writes);
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] const std::map<std::string, std::string, std::less<>>& entries() const noexcept {
        return entries_;
    }

  private:
    std::map<std::string, std::string, std::less<>> entries_;
};

}  // namespace ait::storage
