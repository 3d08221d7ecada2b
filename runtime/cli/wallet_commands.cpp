// The commands on wallet files: nothing here talks to a node.

#include <array>

#include "actors/ledger/messages.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/passwords.hpp"

namespace ait::cli {
namespace {

using wallet::WalletFacts;
using wallet::WalletStore;

constexpr std::size_t seed_file_bytes_max = 8'192;

Json view_of(const WalletFacts& facts, std::string_view active) {
    Json view{{"name", facts.name},
              {"address", crypto::to_text(facts.address)},
              {"public_key", to_hex(facts.public_key.view())},
              {"active", facts.name == active},
              {"created_at", facts.created_at}};
    if (facts.problem) view["problem"] = facts.problem->what + " " + facts.problem->why;
    if (facts.problem) view["address"] = view["public_key"] = view["created_at"] = nullptr;
    return view;
}

std::string active_or_none(const WalletStore& store) {
    auto active = store.active();
    return active.ok() ? active.value() : std::string();
}

/// The first wallet becomes the active one; a later one only on request.
Status settle_active(WalletStore& store, const std::string& name, bool use) {
    if (!use && !active_or_none(store).empty()) return {};
    return store.use(name);
}

Result<crypto::Secret> password_for_new(Session& session, const Request& request,
                                        const std::string& name) {
    if (flag_in(request.local, "no_password")) return password_from_made_file(session);
    return new_password(session, name);
}

/// Shows the phrase as part of the result, or puts it into a file of its own.
Status hand_over_phrase(Session& session, const Request& request, const crypto::Secret& phrase,
                        Json& view) {
    const std::string file = text_in(request.local, "out_file");
    if (file.empty()) {
        view["seed_phrase"] = std::string(phrase.view());
        view["backup"] =
            "Write these words down now and keep them offline: they are shown once, and whoever "
            "has them has the money.";
        return {};
    }
    std::string line = std::string(phrase.view()) + "\n";
    auto written = write_file(file, line, 0600, false);
    crypto::wipe(line);
    if (!written.ok()) return written;
    view["seed_phrase_file"] = file;
    view["backup"] = "Move this file to a safe place offline: whoever has it has the money.";
    session.note("The seed phrase is in " + file + " (mode 0600).");
    return {};
}

Result<Answer> create(Session& session, const Request& request) {
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    const std::string name = text_in(request.local, "name");
    if (auto there = store.value()->find(name); there.ok()) {
        return Error{ErrorCode::already_exists, "The wallet \"" + name + "\" exists already.",
                     "Its address is " + crypto::to_text(there.value().address) + ".",
                     "Choose another name; `aitbc wallet list` shows those in use."};
    }
    auto password = password_for_new(session, request, name);
    if (!password.ok()) return password.error();
    auto created = store.value()->create(name, password.value());
    if (!created.ok()) return created.error();
    if (auto settled = settle_active(*store.value(), name, flag_in(request.local, "use"));
        !settled.ok())
        return settled.error();
    Answer answer;
    answer.value = view_of(created.value().facts, active_or_none(*store.value()));
    auto handed = hand_over_phrase(session, request, created.value().mnemonic, answer.value);
    if (!handed.ok()) {
        // The wallet is there; its phrase can still be had with the password.
        Error error = handed.error();
        error.next = "The wallet was made. Get its phrase: aitbc wallet export " + name +
                     " --seed --out-file FILE";
        return error;
    }
    answer.next =
        flag_in(answer.value, "active") ? "aitbc wallet balance" : "aitbc wallet use " + name;
    return answer;
}

Result<Answer> list(Session& session, const Request& /*request*/) {
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    auto all = store.value()->list();
    if (!all.ok()) return all.error();
    Json items = Json::array();
    for (const auto& facts : all.value())
        items.push_back(view_of(facts, active_or_none(*store.value())));
    Answer answer;
    answer.value = Json{{"items", std::move(items)}, {"next_cursor", nullptr}};
    if (all.value().empty())
        session.note("No wallet yet. Make one: aitbc wallet create --name NAME");
    return answer;
}

Result<Answer> use(Session& session, const Request& request) {
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    const std::string name = text_in(request.local, "name");
    if (auto used = store.value()->use(name); !used.ok()) return used.error();
    auto facts = store.value()->find(name);
    if (!facts.ok()) return facts.error();
    return Answer{.value = view_of(facts.value(), name), .next = "aitbc wallet balance"};
}

/// The wallet that a command names, else the one in use.
Result<WalletFacts> named_wallet(Session& session, const Request& request) {
    const std::string name = text_in(request.local, "name");
    if (name.empty()) return session.wallet();
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    return store.value()->find(name);
}

Result<Answer> show(Session& session, const Request& request) {
    auto facts = named_wallet(session, request);
    if (!facts.ok()) return facts.error();
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    return Answer{.value = view_of(facts.value(), active_or_none(*store.value()))};
}

/// A sealed wallet file opens with its own password and is sealed anew.
Result<WalletFacts> import_sealed(WalletStore& store, const std::string& name,
                                  const wallet::KeystoreFile& file,
                                  const crypto::Secret& password) {
    auto secret = wallet::open_sealed(file, password);
    if (!secret.ok()) return secret.error();
    if (secret.value().kind == wallet::WalletSecret::Kind::seed)
        return store.import_seed(name, secret.value().bytes, password);
    auto phrase = wallet::mnemonic_from_entropy(secret.value().bytes.view());
    if (!phrase.ok()) return phrase.error();
    return store.restore(name, phrase.value(), password, secret.value().account);
}

Result<WalletFacts> import_text(Session& session, const Request& request, const std::string& name,
                                std::string text) {
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    const bool sealed = text.find('{') != std::string::npos;
    if (sealed) {
        auto file = wallet::parse_keystore(text);
        if (!file.ok()) return file.error();
        auto password = find_password(session, name);
        if (!password.ok()) return password.error();
        return import_sealed(*store.value(), name, file.value(), password.value());
    }
    const crypto::Secret phrase(std::move(text));
    auto password = password_for_new(session, request, name);
    if (!password.ok()) return password.error();
    const auto account = integer_in(request.local, "account", 0);
    if (account < 0 || account > static_cast<std::int64_t>(UINT32_MAX)) {
        return Error{ErrorCode::invalid_argument, "The account number is out of range.", "",
                     "Accounts count from 0."};
    }
    return store.value()->restore(name, phrase, password.value(),
                                  static_cast<std::uint32_t>(account));
}

Result<Answer> import(Session& session, const Request& request) {
    const std::string name = text_in(request.local, "name");
    const std::string file = text_in(request.local, "file");
    auto text = file == "-" ? session.console.read_input(seed_file_bytes_max)
                            : read_file(file, seed_file_bytes_max);
    if (!text.ok()) return text.error();
    auto facts = import_text(session, request, name, std::move(text).value());
    if (!facts.ok()) return facts.error();
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    if (auto settled = settle_active(*store.value(), name, false); !settled.ok())
        return settled.error();
    return Answer{.value = view_of(facts.value(), active_or_none(*store.value())),
                  .next = "aitbc wallet balance --wallet " + name};
}

Result<Answer> export_wallet(Session& session, const Request& request) {
    auto facts = named_wallet(session, request);
    if (!facts.ok()) return facts.error();
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    const std::string& name = facts.value().name;
    const std::string out_file = text_in(request.local, "out_file");
    std::string bytes;
    if (flag_in(request.local, "seed")) {
        auto password = find_password(session, name);
        if (!password.ok()) return password.error();
        auto phrase = store.value()->export_mnemonic(name, password.value());
        if (!phrase.ok()) return phrase.error();
        bytes = std::string(phrase.value().view()) + "\n";
    } else {
        auto config = session.configuration();
        if (!config.ok()) return config.error();
        const auto folder = config::layout_of(config.value()->values.node.data_dir).wallets;
        auto sealed = wallet::Directory(folder, *session.console.random)
                          .read(name + ".json", wallet::keystore_bytes_max);
        if (!sealed.ok()) return sealed.error();
        bytes = std::move(sealed).value();
    }
    auto written = write_file(out_file, bytes, 0600, false);
    crypto::wipe(bytes);
    if (!written.ok()) return written.error();
    Answer answer;
    answer.value = view_of(facts.value(), active_or_none(*store.value()));
    answer.value["file"] = out_file;
    return answer;
}

Result<Answer> rename(Session& session, const Request& request) {
    auto store = session.wallets();
    if (!store.ok()) return store.error();
    const std::string name = text_in(request.local, "name");
    if (auto there = store.value()->find(name); !there.ok()) return there.error();
    auto password = find_password(session, name);
    if (!password.ok()) return password.error();
    auto facts = store.value()->rename(name, text_in(request.local, "new_name"), password.value());
    if (!facts.ok()) return facts.error();
    return Answer{.value = view_of(facts.value(), active_or_none(*store.value()))};
}

constexpr std::array rows{
    CommandRow{"wallet.create", &create}, CommandRow{"wallet.list", &list},
    CommandRow{"wallet.use", &use},       CommandRow{"wallet.show", &show},
    CommandRow{"wallet.import", &import}, CommandRow{"wallet.export", &export_wallet},
    CommandRow{"wallet.rename", &rename},
};

}  // namespace

std::span<const CommandRow> wallet_commands() {
    return rows;
}

}  // namespace ait::cli
