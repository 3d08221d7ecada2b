#include "storage/state_view.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::storage {
namespace {

/// Own writes in the scanned range, handed out in step with the base's scan.
class OverlayCursor {
  public:
    OverlayCursor(const WriteSet& writes, std::string_view prefix, std::string_view from)
        : prefix_(prefix), next_(writes.lower_bound(std::max(prefix, from))), end_(writes.end()) {
        look();
    }

    /// Shows own entries below a key of the base and then what stands at it; false when the visitor
    /// has seen enough.
    bool show_up_to(std::string_view key, std::string_view value, const StateReader::Visit& visit) {
        while (is_in_range_) {
            const int order = next_->first.compare(key);
            if (order > 0) break;
            if (!show_next(visit)) return false;
            if (order == 0) return true;
        }
        return visit(key, value);
    }
    void show_rest(const StateReader::Visit& visit) {
        while (is_in_range_ && show_next(visit)) {
        }
    }

  private:
    bool show_next(const StateReader::Visit& visit) {
        const auto& [key, value] = *next_++;
        look();
        return !value.has_value() || visit(key, *value);
    }
    void look() { is_in_range_ = next_ != end_ && next_->first.starts_with(prefix_); }

    std::string_view prefix_;
    WriteSet::const_iterator next_;
    WriteSet::const_iterator end_;
    bool is_in_range_ = false;
};

/// What a write set's or a table's entry shows of its value.
std::optional<std::string_view> shown(const std::optional<std::string>& value) {
    return value.has_value() ? std::optional<std::string_view>(*value) : std::nullopt;
}

}  // namespace

std::optional<std::string_view> StateReader::look(std::string_view key, std::string& space) const {
    auto value = get(key);
    if (!value.has_value()) return std::nullopt;
    space = std::move(*value);
    return space;
}

bool StateReader::has(std::string_view key) const {
    std::string space;
    return look(key, space).has_value();
}

void scan_merged(const WriteSet& writes, const StateReader& base, std::string_view prefix,
                 std::string_view from, const StateReader::Visit& visit) {
    OverlayCursor own(writes, prefix, from);
    bool wants_more = true;
    base.scan(prefix, from, [&](std::string_view key, std::string_view value) {
        wants_more = own.show_up_to(key, value, visit);
        return wants_more;
    });
    if (wants_more) own.show_rest(visit);
}

std::optional<std::string> StateOver::get(std::string_view key) const {
    const auto own = writes_->find(key);
    return own == writes_->end() ? base_->get(key) : own->second;
}

std::optional<std::string_view> StateOver::look(std::string_view key, std::string& space) const {
    const auto own = writes_->find(key);
    return own == writes_->end() ? base_->look(key, space) : shown(own->second);
}

void StateOver::scan(std::string_view prefix, std::string_view from, const Visit& visit) const {
    scan_merged(*writes_, *base_, prefix, from, visit);
}

std::optional<std::string> StateView::get(std::string_view key) const {
    const auto own = writes_.find(key);
    return own == writes_.end() ? base_->get(key) : own->second;
}

std::optional<std::string_view> StateView::look(std::string_view key, std::string& space) const {
    const auto own = writes_.find(key);
    return own == writes_.end() ? base_->look(key, space) : shown(own->second);
}

void StateView::scan(std::string_view prefix, std::string_view from, const Visit& visit) const {
    const std::string_view begin = std::max(prefix, from);
    const bool is_in_gap = gap_.begin <= begin && begin < gap_.end;
    const std::string start(is_in_gap ? std::string_view(gap_.end) : begin);
    bool is_first = true;
    scan_merged(writes_, *base_, prefix, start, [&](std::string_view key, std::string_view value) {
        if (std::exchange(is_first, false)) {
            if (!is_in_gap) gap_.begin = begin;
            gap_.end = key;
        }
        return visit(key, value);
    });
}

void StateView::write(std::string key, std::optional<std::string> value) {
    if (value.has_value() && gap_.begin <= key && key < gap_.end) gap_.end = key;
    const auto own = writes_.lower_bound(key);
    if (own == writes_.end() || own->first != key) {
        const auto made = writes_.emplace_hint(own, std::move(key), std::move(value));
        if (is_attempting_) undo_.push_back({made, std::nullopt});
    } else {
        if (is_attempting_) undo_.push_back({own, std::move(own->second)});
        own->second = std::move(value);
    }
}

void StateView::put(std::string key, std::string value) {
    write(std::move(key), std::move(value));
}

void StateView::erase(std::string_view key) {
    write(std::string(key), std::nullopt);
}

StateView::Attempt::Attempt(StateView& view) : view_(view) {
    AIT_ASSERT(!view.is_attempting_);
    view.is_attempting_ = true;
}

StateView::Attempt::~Attempt() {
    if (!is_kept_) {
        view_.gap_ = {};  // what comes back may lie in it
        for (auto undo = view_.undo_.rbegin(); undo != view_.undo_.rend(); ++undo) {
            if (undo->before.has_value())
                undo->write->second = std::move(*undo->before);
            else
                view_.writes_.erase(undo->write);
        }
    }
    view_.undo_.clear();
    view_.is_attempting_ = false;
}

WriteSet StateView::take_writes() noexcept {
    AIT_ASSERT(!is_attempting_);
    gap_ = {};
    return std::exchange(writes_, {});
}

std::optional<std::string> MemoryState::get(std::string_view key) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return std::nullopt;
    return entry->second;
}

std::optional<std::string_view> MemoryState::look(std::string_view key, std::string&) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return std::nullopt;
    return entry->second;
}

void MemoryState::scan(std::string_view prefix, std::string_view from, const Visit& visit) const {
    for (auto entry = entries_.lower_bound(std::max(prefix, from)); entry != entries_.end();
         ++entry) {
        if (!entry->first.starts_with(prefix)) return;
        if (!visit(entry->first, entry->second)) return;
    }
}

void MemoryState::apply(const WriteSet& writes) {
    for (const auto& [key, value] : writes) {
        if (value.has_value()) {
            entries_.insert_or_assign(key, *value);
        } else if (const auto entry = entries_.find(key); entry != entries_.end()) {
            entries_.erase(entry);
        }
    }
}

}  // namespace ait::storage
