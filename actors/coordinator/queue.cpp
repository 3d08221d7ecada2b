#include "actors/coordinator/queue.hpp"

#include <algorithm>
#include <map>

#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::coordinator {
namespace {

using storage::StateReader;
using storage::StateView;

constexpr std::string_view wait_prefix = "job/wait/";
constexpr std::size_t class_bytes = 8;
constexpr std::size_t owner_end = class_bytes + Address::size;
constexpr std::size_t tail_bytes = owner_end + sizeof(std::uint64_t);

/// What follows the prefix of a waiting job's key, and the job's id behind it.
struct Entry {
    std::string bytes{};

    [[nodiscard]] std::string_view tail() const { return std::string_view(bytes).substr(0, 36); }
    [[nodiscard]] std::string_view job_class() const { return tail().substr(0, class_bytes); }
    [[nodiscard]] std::string_view owner() const { return tail().substr(class_bytes, 20); }
    /// Class and owner.
    [[nodiscard]] std::string_view line() const { return tail().substr(0, owner_end); }
    [[nodiscard]] std::string_view sequence() const { return tail().substr(owner_end); }
    [[nodiscard]] std::string_view job_id() const { return std::string_view(bytes).substr(36); }
};
static_assert(tail_bytes == 36 && Address::size == 20, "as Entry cuts it");

/// Jobs with the same one match the same miners. Truncated, because who meets another's class finds
/// his own jobs passed over, and each job is looked at again before it is taken.
std::string class_of(const Job& job) {
    std::string words;
    words.reserve(job.type.size() + job.model.size() + 64);
    words += job.type;
    words += '\0';
    words += job.model;
    words += '\0';
    append_encoded(words, job.constraints);
    return std::string(crypto::blake2b_256(words).view().substr(0, class_bytes));
}

std::string line_of(const Job& job) {
    return class_of(job).append(job.owner.view());
}

std::string wait_key(const Job& job) {
    return consensus::keyed(wait_prefix, line_of(job), big_endian(job.sequence));
}

/// The least tail behind all that begin with `begin`: no sequence is so high.
std::string behind(std::string_view begin) {
    return std::string(begin) + std::string(tail_bytes - begin.size(), '\xFF');
}

/// Ordered look-ups over the queue that remember what they read: in a short queue all of them
/// together are one scan.
class QueueReader {
  public:
    QueueReader(const StateReader& reader, std::size_t read_ahead)
        : reader_(reader), read_ahead_(read_ahead) {}

    /// The first entry whose tail is not below `from`; null behind the last. Lives as long as this.
    const Entry* at_or_behind(std::string_view from) {
        auto window = windows_.upper_bound(from);
        if (window != windows_.begin() && covers(std::prev(window)->second, from)) {
            window = std::prev(window);
        } else {
            window = windows_.insert_or_assign(std::string(from), read(from)).first;
        }
        const auto& entries = window->second.entries;
        const auto found = std::lower_bound(
            entries.begin(), entries.end(), from,
            [](const Entry& entry, std::string_view tail) { return entry.tail() < tail; });
        return found == entries.end() ? nullptr : &*found;
    }
    const Entry* behind_entry(const Entry& entry) {
        return at_or_behind(std::string(entry.tail()) + '\0');
    }

  private:
    /// All entries from where it begins up to its last, or to the end of the queue.
    struct Window {
        std::vector<Entry> entries{};
        bool is_last = false;
    };
    static bool covers(const Window& window, std::string_view from) {
        return window.is_last || (!window.entries.empty() && from <= window.entries.back().tail());
    }
    [[nodiscard]] Window read(std::string_view from) const {
        Window window{.entries = {}, .is_last = true};
        reader_.scan(wait_prefix, std::string(wait_prefix) + std::string(from),
                     [&](std::string_view key, std::string_view job_id) {
                         AIT_ASSERT(key.size() == wait_prefix.size() + tail_bytes);
                         window.is_last = window.entries.size() < read_ahead_;
                         if (!window.is_last) return false;
                         Entry& entry = window.entries.emplace_back();
                         entry.bytes.reserve(tail_bytes + job_id.size());
                         entry.bytes += key.substr(wait_prefix.size());
                         entry.bytes += job_id;
                         return true;
                     });
        return window;
    }

    const StateReader& reader_;
    const std::size_t read_ahead_;
    std::map<std::string, Window, std::less<>> windows_{};
};

/// One class on its way round the circle of owners.
struct Round {
    std::string job_class{};
    const Entry* next = nullptr;  ///< an owner's first job; null when all owners were met
    bool is_met = false;          ///< that owner had its turn: move on before looking
    bool has_wrapped = false;
};

/// An owner's jobs, one line a class; what stands at its head was taken or comes next.
struct Line {
    const Entry* head = nullptr;
    bool is_taken = false;
};
using Turn = std::vector<Line>;

class Turns {
  public:
    Turns(const StateReader& reader, const QueueTurns& asked)
        : reader_(reader), asked_(asked), queue_(reader, asked.count_max + read_ahead_more) {}

    std::vector<Job> take() {
        find_rounds();
        std::vector<Turn> met;
        while (has_room()) {
            auto turn = next_owner();
            if (turn.empty()) break;
            take_one(turn);
            met.push_back(std::move(turn));
        }
        for (bool has_taken = true; has_taken && has_room();) {
            has_taken = false;
            for (Turn& turn : met) has_taken = (has_room() && take_one(turn)) || has_taken;
        }
        return std::move(taken_);
    }

  private:
    static constexpr std::size_t read_ahead_more = 4;

    /// The last sample is often the first that is taken.
    [[nodiscard]] Job read(const Entry& entry) {
        if (sample_ && sample_->id == entry.job_id()) {
            Job job = std::move(*sample_);
            sample_.reset();
            return job;
        }
        auto job = find_job(reader_, entry.job_id());
        AIT_ASSERT(job.has_value());
        return std::move(*job);
    }
    [[nodiscard]] bool has_room() const {
        return taken_.size() < asked_.count_max && read_ < queue_scan_max;
    }

    void find_rounds() {
        std::string from;
        for (std::size_t looked_at = 0; looked_at < queue_classes_max; ++looked_at) {
            if (looked_at == queue_classes_max / 2) from = std::max(from, drawn_class());
            const Entry* entry = queue_.at_or_behind(from);
            if (entry == nullptr) return;
            from = behind(entry->job_class());
            const Job& sample = sample_.emplace(read(*entry));
            if (asked_.takes_class(sample)) begin_round(*entry);
        }
    }

    [[nodiscard]] std::string drawn_class() const {
        return std::string(
            crypto::blake2b_256(big_endian(asked_.height)).view().substr(0, class_bytes));
    }

    /// `first` is the first entry of its class.
    void begin_round(const Entry& first) {
        Round round{.job_class = std::string(first.job_class())};
        if (first.owner() > asked_.after.view()) {
            round.next = &first;
        } else {
            go_behind(round, round.job_class + std::string(asked_.after.view()));
        }
        rounds_.push_back(std::move(round));
    }

    /// Moves a round on to the first owner behind this line, over the end if need be.
    void go_behind(Round& round, std::string_view line) {
        round.is_met = false;
        const Entry* next = queue_.at_or_behind(behind(line));
        const auto is_here = [&] {
            return next != nullptr && next->job_class() == round.job_class;
        };
        if (!is_here() && !round.has_wrapped) {
            round.has_wrapped = true;
            next = queue_.at_or_behind(round.job_class);
        }
        const bool is_round = round.has_wrapped && is_here() && next->owner() > asked_.after.view();
        round.next = is_here() && !is_round ? next : nullptr;
    }

    /// Where an owner stands in the circle.
    [[nodiscard]] std::pair<bool, std::string_view> place(std::string_view owner) const {
        return {owner <= asked_.after.view(), owner};
    }

    /// The owner whose turn is next, with its line in every class; empty when all were met.
    Turn next_owner() {
        const Entry* first = nullptr;
        for (Round& round : rounds_) {
            if (round.is_met) go_behind(round, round.next->line());
            if (round.next == nullptr) continue;
            if (first == nullptr || place(round.next->owner()) < place(first->owner())) {
                first = round.next;
            }
        }
        Turn turn;
        for (Round& round : rounds_) {
            if (round.next == nullptr || round.next->owner() != first->owner()) continue;
            turn.push_back({.head = round.next});
            round.is_met = true;
        }
        return turn;
    }

    bool take_one(Turn& turn) {
        for (std::size_t passed = 0; passed < queue_passed_over_max && has_room(); ++passed) {
            Line* oldest = nullptr;
            for (Line& line : turn) {
                settle_head(line);
                if (line.head == nullptr) continue;
                if (oldest == nullptr || line.head->sequence() < oldest->head->sequence()) {
                    oldest = &line;
                }
            }
            if (oldest == nullptr) return false;
            oldest->is_taken = true;
            Job job = read(*oldest->head);
            ++read_;
            if (!asked_.takes_job(job)) continue;
            taken_.push_back(std::move(job));
            return true;
        }
        return false;
    }

    void settle_head(Line& line) {
        if (!line.is_taken || line.head == nullptr) return;
        const Entry* next = queue_.behind_entry(*line.head);
        line.head = next != nullptr && next->line() == line.head->line() ? next : nullptr;
        line.is_taken = false;
    }

    const StateReader& reader_;
    const QueueTurns& asked_;
    QueueReader queue_;
    std::vector<Round> rounds_{};
    std::optional<Job> sample_{};
    std::vector<Job> taken_{};
    std::size_t read_ = 0;
};

}  // namespace

bool is_queue_empty(const StateReader& reader) {
    bool is_empty = true;
    reader.scan(wait_prefix, wait_prefix, [&](std::string_view, std::string_view) {
        is_empty = false;
        return false;
    });
    return is_empty;
}

void put_in_queue(StateView& view, const Job& job) {
    view.put(wait_key(job), job.id);
}

void take_from_queue(StateView& view, const Job& job) {
    view.erase(wait_key(job));
}

std::vector<Job> next_in_turn(const StateReader& reader, const QueueTurns& turns) {
    AIT_ASSERT(turns.count_max > 0);
    return Turns(reader, turns).take();
}

std::optional<std::uint64_t> queue_position(const StateReader& reader, const Job& job,
                                            std::uint64_t looked_at_max) {
    const std::string line = line_of(job);
    const std::string own = line + big_endian(job.sequence);
    QueueReader queue(reader, 256);
    const Entry* entry = queue.at_or_behind(own);
    if (entry == nullptr || entry->tail() != own) return std::nullopt;
    std::uint64_t place = 1;
    for (entry = queue.at_or_behind(line); entry->tail() != own;
         entry = queue.behind_entry(*entry)) {
        if (++place > looked_at_max) return std::nullopt;
    }
    // Each other owner has at most as many turns before it as this one needs.
    std::uint64_t position = place;
    std::uint64_t looked_at = place;
    const std::string job_class = class_of(job);
    entry = queue.at_or_behind(job_class);
    while (entry != nullptr && entry->job_class() == job_class) {
        const std::string other(entry->line());
        for (std::uint64_t count = 0; count < place && entry != nullptr && entry->line() == other;
             ++count) {
            if (other != line) ++position;
            if (++looked_at > looked_at_max) return std::nullopt;
            entry = queue.behind_entry(*entry);
        }
        entry = queue.at_or_behind(behind(other));
    }
    return position;
}

}  // namespace ait::coordinator
