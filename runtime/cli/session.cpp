#include "runtime/cli/session.hpp"

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/cli/passwords.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t token_bytes_max = 4'096;
constexpr std::size_t idempotency_random_bytes = 16;

}  // namespace

Session::Session(Console& outside, GlobalOptions given)
    : console(outside),
      options(std::move(given)),
      paths_(config::default_paths(outside.environment)),
      last_ids_(paths_.state + "/last.json") {}

config::Sources Session::sources() const {
    config::Sources sources;
    sources.environment = console.environment;
    if (!options.data_dir.empty()) sources.flags.emplace_back("node.data_dir", options.data_dir);
    return sources;
}

Result<const config::LoadedConfig*> Session::configuration() {
    if (!config_) {
        auto loaded = config::load_config(sources());
        if (!loaded.ok()) return loaded.error();
        config_ = std::move(loaded).value();
    }
    return &*config_;
}

std::string Session::named_endpoint() const {
    if (!options.node.empty()) return options.node;
    for (const auto* variable : {"AITBC_NODE", "AITBC_URL"}) {
        const auto text = config::find_variable(console.environment, variable);
        if (!text.empty()) return std::string(text);
    }
    return {};
}

bool Session::is_local() const {
    return named_endpoint().empty();
}

std::string Session::chain() const {
    if (!options.chain.empty()) return options.chain;
    return std::string(config::find_variable(console.environment, "AITBC_CHAIN"));
}

std::string Session::last_ids_key(const std::string& account) const {
    const std::string named = chain();
    return named.empty() ? account : account + "@" + named;
}

Result<net::HttpEndpoint> Session::endpoint() {
    const std::string text = named_endpoint();
    if (!text.empty()) return net::parse_http_endpoint(text);
    auto config = configuration();
    if (!config.ok()) return config.error();
    return net::HttpEndpoint{.is_unix = true,
                             .socket_path = config.value()->values.gateway.unix_socket};
}

Result<std::string> Session::configured_token() {
    if (options.token_file.empty())
        return std::string(config::find_variable(console.environment, "AITBC_TOKEN"));
    auto text = read_file(options.token_file, token_bytes_max);
    if (!text.ok()) return text.error();
    std::string token = std::move(text).value();
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    return token;
}

Result<NodeClient> Session::new_node_client(std::string own_token) {
    auto where = endpoint();
    if (!where.ok()) return where.error();
    NodeClient::Options settings;
    settings.stop = console.stop;
    settings.token = std::move(own_token);
    settings.chain = chain();
    if (!where.value().is_unix && settings.token.empty()) {
        auto secret = configured_token();
        if (!secret.ok()) return secret.error();
        settings.token = std::move(secret).value();
    }
    if (options.verbosity > 1) settings.trace = [this](const std::string& line) { detail(line); };
    return NodeClient(std::move(where).value(), std::move(settings));
}

Result<NodeClient*> Session::node() {
    if (!node_) {
        auto client = new_node_client();
        if (!client.ok()) return client.error();
        node_.emplace(std::move(client).value());
    }
    return &*node_;
}

Result<wallet::WalletStore*> Session::wallets() {
    if (!wallets_) {
        auto config = configuration();
        if (!config.ok()) return config.error();
        wallets_.emplace(config::layout_of(config.value()->values.node.data_dir).wallets,
                         *console.random, *console.clock);
    }
    return &*wallets_;
}

Result<wallet::WalletFacts> Session::wallet() {
    auto store = wallets();
    if (!store.ok()) return store.error();
    std::string name = options.wallet;
    if (name.empty()) name = config::find_variable(console.environment, "AITBC_WALLET");
    if (name.empty()) {
        auto active = store.value()->active();
        if (!active.ok()) {
            if (active.error().code != ErrorCode::not_found) return active.error();
            return Error{ErrorCode::not_found, "There is no active wallet.",
                         "None has been made or chosen here.",
                         "Make one: `aitbc wallet create --name NAME`; or start a local node, "
                         "which does: `aitbc up`."};
        }
        name = std::move(active).value();
    }
    return store.value()->find(name);
}

Result<std::string> Session::account_or_none() {
    auto facts = wallet();
    if (facts.ok()) return crypto::to_text(facts.value().address);
    const bool named = !options.wallet.empty() ||
                       !config::find_variable(console.environment, "AITBC_WALLET").empty();
    if (facts.error().code == ErrorCode::not_found && !named) return std::string();
    return facts.error();
}

Result<crypto::SecretKey> Session::unlock(const wallet::WalletFacts& facts) {
    auto store = wallets();
    if (!store.ok()) return store.error();
    auto password = find_password(*this, facts.name);
    if (!password.ok()) return password.error();
    return store.value()->unlock(facts.name, password.value());
}

Result<CallOptions> Session::call_options(bool command) {
    auto account = account_or_none();
    if (!account.ok()) return account.error();
    CallOptions call;
    call.account = std::move(account).value();
    call.dry_run = options.dry_run;
    if (options.timeout_ms) call.timeout_ms = *options.timeout_ms;
    if (!command) return call;
    if (options.idempotency_key.empty()) {
        options.idempotency_key = to_base32(console.random->bytes(idempotency_random_bytes));
    }
    if (options.idempotency_key.size() > limits::idempotency_key_bytes_max) {
        return Error{
            ErrorCode::usage, "The idempotency key is too long.",
            "At most " + std::to_string(limits::idempotency_key_bytes_max) + " bytes are taken.",
            ""};
    }
    call.idempotency_key = options.idempotency_key;
    detail("idempotency key: " + call.idempotency_key);
    return call;
}

void Session::note(std::string_view text) {
    if (!options.quiet) console.err(std::string(text) + "\n");
}

void Session::detail(std::string_view text) {
    if (options.verbosity > 0) console.err(std::string(text) + "\n");
}

bool Session::may_ask() const {
    return !options.no_input && console.in_is_terminal && console.err_is_terminal;
}

bool Session::is_machine_output() const {
    return options.output != OutputFormat::table && options.output != OutputFormat::wide;
}

RenderStyle Session::style_for(const Operation* shape) const {
    RenderStyle style;
    style.format = options.output;
    style.header = !options.no_header;
    style.fields = options.fields;
    style.now_unix_ms = now_unix_ms();
    if (shape == nullptr) return style;
    style.list = shape->list;
    for (const auto column : registry::split(shape->columns, ','))
        style.columns.emplace_back(column);
    if (shape->response != nullptr) style.schema = &shape->response();
    return style;
}

Status Session::emit(const Json& value, const Operation* shape) {
    RenderStyle style = style_for(shape);
    style.list = false;
    const bool rows = style.format == OutputFormat::json || style.format == OutputFormat::jsonl;
    if (rows) style.format = OutputFormat::jsonl;  // a stream is lines, each one document
    auto text = render(value, style);
    if (!text.ok()) return text.error();
    console.out(style.format == OutputFormat::yaml ? "---\n" + text.value() : text.value());
    return {};
}

}  // namespace ait::cli
