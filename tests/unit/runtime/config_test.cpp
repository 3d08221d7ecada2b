#include "runtime/config/config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/config/peers.hpp"
#include "runtime/config/values.hpp"

namespace ait::config {
namespace {

namespace fs = std::filesystem;

/// A folder of its own for each test, removed at its end.
class ConfigFiles : public testing::Test {
  protected:
    ConfigFiles() {
        std::string pattern = (fs::temp_directory_path() / "aitbc-config-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        environment_ = {{"HOME", "/home/user"}, {"AITBC_HOME", folder_.string()}};
    }
    ~ConfigFiles() override { fs::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        const auto path = folder_ / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
        return path.string();
    }
    [[nodiscard]] Sources sources(const std::string& file = "") const {
        return {.environment = environment_, .file = file};
    }
    static std::string origin_of(const LoadedConfig& config, std::string_view key) {
        for (const auto& setting : config.settings) {
            if (setting.row->name == key) return setting.origin;
        }
        return "missing";
    }

    fs::path folder_{};
    Environment environment_{};
};

// Breaks if a fresh user without any file gets no working node, or paths outside the trial home.
TEST_F(ConfigFiles, without_files_every_key_has_its_default_and_paths_are_absolute) {
    const auto config = load_config(sources());
    ASSERT_TRUE(config.ok()) << render_error(config.error());
    const auto& values = config.value().values;
    EXPECT_EQ(values.node.data_dir, folder_.string() + "/data");
    EXPECT_EQ(values.gateway.unix_socket, folder_.string() + "/data/node.sock");
    EXPECT_EQ(values.miner.models_dir, folder_.string() + "/cache/models");
    EXPECT_EQ(values.gateway.tcp_port, 7700);
    EXPECT_EQ(values.miner.price_per_hour.micro, 500'000U);
    EXPECT_EQ(values.models.aliases.at("llama3"), "smollm2-135m-instruct");
    EXPECT_EQ(config.value().settings.size(), key_rows().size());
    EXPECT_EQ(origin_of(config.value(), "node.chain"), "default");
}

// Breaks if a relative XDG variable or an unset one sends a node's keys to an unexpected folder.
TEST(ConfigPaths, xdg_variables_are_followed_when_absolute_and_ignored_when_not) {
    const Environment environment{
        {"HOME", "/home/user"}, {"XDG_DATA_HOME", "/srv/data"}, {"XDG_CONFIG_HOME", "relative"}};
    const auto paths = default_paths(environment);
    EXPECT_EQ(paths.data, "/srv/data/aitbc");
    EXPECT_EQ(paths.config, "/home/user/.config/aitbc");
    EXPECT_EQ(paths.models, "/home/user/.cache/aitbc/models");
}

// Breaks if an operator's flag or variable is silently overruled by a file.
TEST_F(ConfigFiles, a_flag_outweighs_the_environment_which_outweighs_conf_d_and_the_file) {
    const auto file = write("node.toml",
                            "[gateway]\ntcp_port = 1001\nconnections_max = 101\n"
                            "[chain]\nblock_wait_ms = 11\n[miner]\nconcurrency = 2\n");
    write("conf.d/10.toml",
          "[gateway]\ntcp_port = 1002\nconnections_max = 102\n[chain]\nblock_wait_ms = 12\n");
    write("conf.d/20.toml", "[gateway]\ntcp_port = 1003\nconnections_max = 103\n");
    auto from = sources(file);
    from.environment.emplace_back("AITBC_GATEWAY__TCP_PORT", "1004");
    from.environment.emplace_back("AITBC_GATEWAY__CONNECTIONS_MAX", "104");
    from.flags.emplace_back("gateway.tcp_port", "1005");

    const auto config = load_config(from);
    ASSERT_TRUE(config.ok()) << render_error(config.error());
    const auto& loaded = config.value();
    EXPECT_EQ(loaded.values.gateway.tcp_port, 1005);
    EXPECT_EQ(loaded.values.gateway.connections_max, 104U);
    EXPECT_EQ(loaded.values.chain.block_wait_ms, 12U);
    EXPECT_EQ(loaded.values.miner.concurrency, 2U);
    EXPECT_EQ(origin_of(loaded, "gateway.tcp_port"), "flag");
    EXPECT_EQ(origin_of(loaded, "gateway.connections_max"),
              "environment AITBC_GATEWAY__CONNECTIONS_MAX");
    EXPECT_EQ(origin_of(loaded, "chain.block_wait_ms"),
              "file " + folder_.string() + "/conf.d/10.toml:5");
    EXPECT_EQ(origin_of(loaded, "miner.concurrency"), "file " + file + ":7");
}

// Breaks if a person must run `config validate` once per mistake.
TEST_F(ConfigFiles, all_errors_come_at_once_with_place_caret_and_suggestion) {
    const auto file = write("node.toml",
                            "[gateway]\n"
                            "tcp_prot = 7700\n"
                            "connections_max = 3\n"
                            "[node]\n"
                            "log_level = \"loud\"\n"
                            "[miner]\n"
                            "price_per_hour = 0.5\n");
    auto from = sources(file);
    from.environment.emplace_back("AITBC_MINER__THREDS", "2");
    from.flags.emplace_back("chain.block_wait_ms", "soon");

    const auto report = inspect_config(from);
    ASSERT_EQ(report.issues.size(), 6U);
    EXPECT_EQ(render(report.issues[0]),
              file +
                  ":2:1: unknown key \"gateway.tcp_prot\"; did you mean gateway.tcp_port?\n"
                  "  2 | tcp_prot\n"
                  "    | ^^^^^^^^");
    EXPECT_EQ(report.issues[1].place.line, 3U);
    EXPECT_EQ(report.issues[1].place.column, 19U);
    EXPECT_EQ(report.issues[1].message,
              "gateway.connections_max must be an integer from 8 to 4096, not 3.");
    EXPECT_NE(report.issues[2].message.find("error|warn|info|debug|trace"), std::string::npos);
    EXPECT_NE(report.issues[3].message.find("not a decimal number"), std::string::npos);
    EXPECT_EQ(report.issues[4].suggestion, "AITBC_MINER__THREADS");
    EXPECT_EQ(report.issues[5].source, "command line");

    const auto config = load_config(from);
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(config.error().what, "The configuration has 6 errors.");
}

// Breaks if a syntax error hides where it is.
TEST_F(ConfigFiles, a_syntax_error_names_its_line_and_the_other_files_are_still_checked) {
    const auto file = write("node.toml", "[node]\nchain = \"ait-devnet\n");
    write("conf.d/a.toml", "[nod]\n chain = 1\n");
    const auto report = inspect_config(sources(file));
    ASSERT_EQ(report.issues.size(), 2U);
    EXPECT_EQ(report.issues[0].place.line, 2U);
    EXPECT_EQ(report.issues[0].source_line, "chain = \"ait-devnet");
    EXPECT_EQ(report.issues[1].suggestion, "node.chain");
}

// Breaks if a node can be opened to the network by one careless key.
TEST_F(ConfigFiles, an_address_that_others_reach_needs_the_unsafe_key) {
    auto from = sources();
    from.flags = {{"gateway.tcp_host", "0.0.0.0"}};
    EXPECT_EQ(inspect_config(from).issues.size(), 1U);
    from.flags.emplace_back("gateway.unsafe_public_bind", "true");
    EXPECT_TRUE(inspect_config(from).issues.empty());
}

// Breaks if a file that the user named is silently skipped.
TEST_F(ConfigFiles, a_named_file_that_is_missing_is_an_error) {
    const auto report = inspect_config(sources((folder_ / "none.toml").string()));
    ASSERT_EQ(report.issues.size(), 1U);
    EXPECT_NE(report.issues[0].message.find("could not be read"), std::string::npos);
}

// Breaks if aliases cannot be given in a file or a variable, or if names with dots are torn apart.
TEST_F(ConfigFiles, aliases_are_a_table_whose_first_line_replaces_the_defaults) {
    const auto file = write("node.toml", "[models.aliases]\n\"llama3.2:1b\" = \"tiny\"\n");
    const auto config = load_config(sources(file));
    ASSERT_TRUE(config.ok()) << render_error(config.error());
    EXPECT_EQ(config.value().values.models.aliases, (TextTable{{"llama3.2:1b", "tiny"}}));

    auto from = sources();
    from.environment.emplace_back("AITBC_MODELS__ALIASES", "a=x,b=y");
    const auto second = load_config(from);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(second.value().values.models.aliases, (TextTable{{"a", "x"}, {"b", "y"}}));
}

// Breaks if a token that was pasted into the file by mistake is repeated in an error or a log.
TEST_F(ConfigFiles, a_secret_in_the_file_is_refused_without_being_shown) {
    for (const std::string text :
         {"[gateway.tokens]\nadmin = \"hunter2hunter2\"\n",
          "[gateway]\ntokens = \"hunter2hunter2\"\n", "[gateway]\ntoken = \"hunter2hunter2\"\n"}) {
        const auto report = inspect_config(sources(write("node.toml", text)));
        ASSERT_EQ(report.issues.size(), 1U) << text;
        EXPECT_EQ(render(report.issues[0]).find("hunter2"), std::string::npos) << text;
    }
    const auto table =
        inspect_config(sources(write("node.toml", "[gateway.tokens]\nadmin = \"abc\"\n")));
    EXPECT_NE(table.issues[0].message.find("never the secret itself"), std::string::npos);
}

// Breaks if a secret file that others may read is used all the same.
TEST_F(ConfigFiles, a_secret_is_read_from_a_private_file_or_a_variable_only) {
    const auto file = write("token", "abc\n");
    ::chmod(file.c_str(), 0644);
    EXPECT_EQ(resolve_secret("file:" + file, {}).error().code, ErrorCode::forbidden);
    ::chmod(file.c_str(), 0600);
    const auto secret = resolve_secret("file:" + file, {});
    ASSERT_TRUE(secret.ok());
    EXPECT_EQ(secret.value().view(), "abc");
    EXPECT_EQ(resolve_secret("env:TOKEN", {{"TOKEN", "xyz"}}).value().view(), "xyz");
    EXPECT_EQ(resolve_secret("env:TOKEN", {}).error().code, ErrorCode::not_found);
    EXPECT_EQ(resolve_secret("plain", {}).error().code, ErrorCode::invalid_argument);
}

// Breaks if configs/node.toml and the program drift apart.
TEST_F(ConfigFiles, the_shipped_example_is_the_generated_one_and_is_valid) {
    const auto shipped =
        read_text_file(std::string(AIT_SOURCE_DIR) + "/configs/node.toml", toml_bytes_max);
    ASSERT_TRUE(shipped.ok());
    EXPECT_EQ(shipped.value(), example_file());
    EXPECT_TRUE(inspect_config(sources(write("node.toml", example_file()))).issues.empty());
}

// Breaks if a line of the example cannot be used by taking away its "# ".
TEST_F(ConfigFiles, every_key_of_the_example_is_accepted_when_uncommented) {
    std::string text = example_file();
    for (const auto& row : key_rows()) {
        const auto key = std::string(row.name.substr(row.name.find('.') + 1));
        const auto at = text.find("\n# " + key + " = ");
        if (at != std::string::npos) text.erase(at + 1, 2);
    }
    for (const std::string placeholder : {"${data_home}", "${data_dir}", "${models_home}"}) {
        for (auto at = text.find("\"" + placeholder); at != std::string::npos;
             at = text.find("\"" + placeholder)) {
            text.replace(at + 1, placeholder.size(), "/srv");
        }
    }
    const auto host = text.find("${host_name}\"\n");
    ASSERT_NE(host, std::string::npos);
    text.replace(host, std::string("${host_name}").size(), "node-1");
    const auto report = inspect_config(sources(write("node.toml", text)));
    for (const auto& issue : report.issues) ADD_FAILURE() << render(issue);
    EXPECT_EQ(origin_of(report.config, "node.chain").substr(0, 4), "file");
}

// Breaks if `config init` overwrites what a person wrote, or leaves the file open to others.
TEST_F(ConfigFiles, init_writes_a_private_file_once) {
    const auto file = (folder_ / "deep" / "node.toml").string();
    ASSERT_TRUE(init_config(file, false).ok());
    struct stat facts{};
    ASSERT_EQ(::stat(file.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    EXPECT_EQ(init_config(file, false).error().code, ErrorCode::already_exists);
    EXPECT_TRUE(init_config(file, true).ok());
}

// Breaks if `aitbc config explain KEY` answers a typo with silence.
TEST_F(ConfigFiles, explain_tells_origin_and_suggests_for_a_typo) {
    const auto config = load_config(sources());
    ASSERT_TRUE(config.ok());
    const auto known = explain_key(config.value(), "gateway.tcp_port");
    ASSERT_TRUE(known.ok());
    EXPECT_EQ(known.value()["environment"], "AITBC_GATEWAY__TCP_PORT");
    EXPECT_EQ(known.value()["value"], 7700);
    const auto unknown = explain_key(config.value(), "gatway.tcp_port");
    ASSERT_FALSE(unknown.ok());
    EXPECT_NE(unknown.error().why.find("gateway.tcp_port"), std::string::npos);
}

// Breaks if SIGHUP claims to have applied what needs a restart.
TEST_F(ConfigFiles, changes_say_which_keys_apply_at_once) {
    const auto before = load_config(sources());
    auto from = sources();
    from.flags = {{"node.log_level", "debug"}, {"gateway.tcp_port", "9000"}};
    const auto after = load_config(from);
    ASSERT_TRUE(before.ok());
    ASSERT_TRUE(after.ok());
    const auto changes = changes_between(before.value(), after.value());
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_EQ(changes[0].row->name, "node.log_level");
    EXPECT_EQ(changes[0].row->reload, Reload::live);
    EXPECT_EQ(changes[1].row->reload, Reload::restart);
}

const std::string key_a(64, 'a');
const std::string key_b(64, 'b');

// Breaks if a cluster cannot be written down, or a node would dial itself.
TEST_F(ConfigFiles, the_nodes_of_a_cluster_are_read_without_this_one) {
    const auto file = write(
        "node.toml", "[peer]\nname = \"one\"\nlisten_port = 7801\n[peer.nodes]\none = \"" + key_a +
                         "@127.0.0.1:7801\"\n\"eu.two\" = \"" + key_b + "@[fd00::2]:7800\"\n");
    const auto config = load_config(sources(file));
    ASSERT_TRUE(config.ok()) << render_error(config.error());
    const auto peers = peers_of(config.value().values.peer);
    ASSERT_TRUE(peers.ok());
    ASSERT_EQ(peers.value().size(), 1U);
    const auto& two = peers.value()[0];
    EXPECT_EQ(two.name, "eu.two");
    EXPECT_EQ(two.host, "fd00::2");
    EXPECT_EQ(two.port, 7800);
    EXPECT_EQ(to_text(two), key_b + "@[fd00::2]:7800");
    EXPECT_EQ(parse_peer("eu.two", to_text(two)).value(), two);
}

// Breaks if a fresh node without a cluster opens a port or has no name.
TEST_F(ConfigFiles, without_peers_a_node_is_alone_and_has_a_name_all_the_same) {
    const auto config = load_config(sources());
    ASSERT_TRUE(config.ok());
    EXPECT_TRUE(config.value().values.peer.nodes.empty());
    EXPECT_TRUE(is_peer_name(config.value().values.peer.name));
    EXPECT_EQ(config.value().values.peer.listen_port, 7800);
    EXPECT_EQ(config.value().values.peer.listen_host, "127.0.0.1");
}

// Breaks if a slip of the pen in the list of nodes is found only when the cluster does not form.
TEST_F(ConfigFiles, a_line_of_peers_that_cannot_be_meant_is_refused_at_its_place) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"10.0.0.5:7800", "is not KEY@HOST:PORT"},
        {key_a.substr(1) + "@10.0.0.5:7800", "is no public key"},
        {std::string(64, 'A') + "@10.0.0.5:7800", "is no public key"},
        {std::string(64, '0') + "@10.0.0.5:7800", "is no public key"},
        {key_a + "@10.0.0.5", "has no port"},
        {key_a + "@10.0.0.5:0", "needs a port"},
        {key_a + "@10.0.0.5:65536", "needs a port"},
        {key_a + "@fd00::5:7800", "names no host"},
        {key_a + "@a b:7800", "names no host"},
        {key_a + "@[10.0.0.5]:7800", "names no host"},
        {key_a + "@:7800", "names no host"},
    };
    for (const auto& [text, complaint] : cases) {
        const auto report =
            inspect_config(sources(write("node.toml", "[peer.nodes]\nn2 = \"" + text + "\"\n")));
        ASSERT_EQ(report.issues.size(), 1U) << text;
        EXPECT_EQ(report.issues[0].place.line, 2U) << text;
        EXPECT_NE(report.issues[0].message.find(complaint), std::string::npos)
            << report.issues[0].message;
    }
    EXPECT_FALSE(parse_peer("-n", key_a + "@h:1").ok());
    EXPECT_FALSE(parse_peer(std::string(65, 'n'), key_a + "@h:1").ok());
}

// Breaks if two lines for one machine make a node count a voter twice.
TEST_F(ConfigFiles, one_key_or_one_address_for_two_nodes_is_refused) {
    const auto complaint = [&](const std::string& nodes) {
        const auto report = inspect_config(sources(write("node.toml", "[peer.nodes]\n" + nodes)));
        return report.issues.size() == 1 ? report.issues[0].message : std::string("none or many");
    };
    EXPECT_NE(
        complaint("a = \"" + key_a + "@h:1\"\nb = \"" + key_a + "@h:2\"\n").find("have one key"),
        std::string::npos);
    EXPECT_NE(
        complaint("a = \"" + key_a + "@h:1\"\nb = \"" + key_b + "@h:1\"\n").find("both at h:1"),
        std::string::npos);
    auto from = sources(write("node.toml", "[peer.nodes]\nb = \"" + key_a + "@h:1\"\n"));
    from.flags = {{"peer.listen_port", "7700"}, {"peer.name", "no name"}};
    EXPECT_EQ(inspect_config(from).issues.size(), 2U);
}

// Breaks if a default is not acceptable to its own rule.
TEST(ConfigKeys, every_row_is_complete_and_its_default_passes) {
    for (const auto& row : key_rows()) {
        EXPECT_NE(row.assign, nullptr) << row.name;
        EXPECT_TRUE(row.meaning.ends_with('.')) << row.name;
        EXPECT_EQ(find_key(row.name), &row) << row.name;
        if (row.default_text.starts_with("${")) continue;
        EXPECT_TRUE(value_from_text(row, row.default_text, "/home/user").ok()) << row.name;
    }
}

}  // namespace
}  // namespace ait::config
