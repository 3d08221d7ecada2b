// What readers see of a chain store: guards over the last published block, and images.

#include <utility>

#include "runtime/base/bytes.hpp"
#include "storage/chain_store_inside.hpp"

namespace ait::storage {

struct ReadGuard::Implementation {
    Implementation(std::shared_lock<std::shared_mutex> given_lock,
                   ChainStore::Implementation& given_store)
        : lock(std::move(given_lock)),
          store(given_store),
          state(store.column(Column::state, false)) {}

    Result<std::optional<std::string>> find(Column which, std::string_view key) const;
    Result<Page> page(Column which, std::string_view prefix, std::string_view from,
                      std::size_t rows_max) const;

    std::shared_lock<std::shared_mutex> lock;
    const ChainStore::Implementation& store;
    LayeredColumn state;
};

Result<std::optional<std::string>> ReadGuard::Implementation::find(Column which,
                                                                   std::string_view key) const {
    const auto column = store.column(which, true);
    auto found = column.get(key);
    if (column.failure().has_value()) return *column.failure();
    return found;
}

Result<Page> ReadGuard::Implementation::page(Column which, std::string_view prefix,
                                             std::string_view from, std::size_t rows_max) const {
    const auto column = store.column(which, true);
    Page page;
    std::size_t bytes = 0;
    column.scan(prefix, from, [&](std::string_view key, std::string_view value) {
        if (page.rows.size() == rows_max || bytes > page_bytes_max) {
            page.more = true;
            return false;
        }
        bytes += key.size() + value.size();
        page.rows.emplace_back(key, value);
        return true;
    });
    if (column.failure().has_value()) return *column.failure();
    return page;
}

ReadGuard ChainStore::read() const {
    return ReadGuard(std::make_unique<ReadGuard::Implementation>(implementation_->lock_shared(),
                                                                 *implementation_));
}

ReadGuard::ReadGuard(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
ReadGuard::ReadGuard(ReadGuard&&) noexcept = default;
ReadGuard::~ReadGuard() = default;

const StateReader& ReadGuard::state() const noexcept {
    return implementation_->state;
}

std::shared_ptr<const void> ReadGuard::attachment() const noexcept {
    return implementation_->store.attachment;
}

std::uint64_t ReadGuard::height() const noexcept {
    return implementation_->store.height.value_or(0);
}

Result<std::optional<std::string>> ReadGuard::find_block(std::uint64_t height) const {
    return implementation_->find(Column::blocks, big_endian(height));
}
Result<std::optional<std::string>> ReadGuard::find_index(std::string_view key) const {
    return implementation_->find(Column::index, key);
}
Result<std::optional<std::string>> ReadGuard::find_blob(std::string_view hash) const {
    return implementation_->find(Column::blobs, hash);
}
Result<Page> ReadGuard::scan_index(std::string_view prefix, std::string_view from_key,
                                   std::size_t rows_max) const {
    return implementation_->page(Column::index, prefix, from_key, rows_max);
}

}  // namespace ait::storage
