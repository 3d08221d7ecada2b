#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "actors/consensus/genesis.hpp"
#include "runtime/supervise/home.hpp"
#include "runtime/supervise/local_node.hpp"
#include "runtime/supervise/log_files.hpp"
#include "runtime/supervise/process.hpp"
#include "runtime/supervise/process_file.hpp"
#include "runtime/supervise/restart_policy.hpp"
#include "runtime/supervise/sd_notify.hpp"
#include "runtime/supervise/supervisor.hpp"
#include "runtime/supervise/supervisor_state.hpp"

namespace ait::supervise {
namespace {

namespace fs = std::filesystem;

constexpr int event_ms_max = 20'000;

/// A folder of its own and a FIFO through which child processes report events in order.
class Processes : public testing::Test {
  protected:
    Processes() {
        std::string pattern = (fs::temp_directory_path() / "aitbc-supervise-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        EXPECT_EQ(::mkfifo(path("events").c_str(), 0600), 0);
        EXPECT_EQ(::mkfifo(path("events.never").c_str(), 0600), 0);
        // Open for both, so that it never ends when the last writer goes.
        events_ = Descriptor(::open(path("events").c_str(), O_RDWR | O_CLOEXEC));
    }
    ~Processes() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const {
        return (folder_ / name).string();
    }

    /// The next line that a child wrote, or "timeout".
    std::string next_event() {
        std::string line;
        while (true) {
            ::pollfd waiting{.fd = events_.number(), .events = POLLIN, .revents = 0};
            if (::poll(&waiting, 1, event_ms_max) != 1) return "timeout";
            char c = 0;
            if (::read(events_.number(), &c, 1) != 1) return "closed";
            if (c == '\n') return line;
            line += c;
        }
    }

    /// A child that runs shell code in which $EVENTS is the FIFO.
    [[nodiscard]] ChildSpec shell(const std::string& name, const std::string& code) const {
        return {.name = name,
                .command = {"/bin/sh", "-c", code, name, path("events")},
                .log_file = path(name + ".log")};
    }
    /// Reports its start, and its stop when it gets SIGTERM. It waits by reading what nobody
    /// writes, because a background `sleep` could outlive it.
    [[nodiscard]] ChildSpec polite(const std::string& name) const {
        return shell(name,
                     "trap 'echo stop-$0 >\"$1\"; exit 0' TERM; exec 3<>\"$1.never\"\n"
                     "echo start-$0 >\"$1\"; while true; do read -r line <&3; done");
    }
    [[nodiscard]] SupervisorOptions options(std::vector<ChildSpec> children) const {
        return {.pid_file = path("supervisor.pid"),
                .state_file = path("supervisor.json"),
                .children = std::move(children),
                .environment = {{"PATH", "/usr/bin:/bin"}},
                .limits = {.restarts_max = 2, .backoff_first_ms = 1, .backoff_max_ms = 2}};
    }
    /// The real supervisor in a process of its own.
    static ::pid_t launch(const SupervisorOptions& options) {
        const ::pid_t pid = ::fork();
        if (pid == 0) ::_exit(run_supervisor(options));
        return pid;
    }
    /// Its exit status, or -1 when it does not end in time or is killed.
    static int end_of(::pid_t pid) {
        const auto id = identify(pid);
        const auto handle = id ? ProcessHandle::open(*id) : std::nullopt;
        if (handle && !handle->wait_for_end(event_ms_max)) return -1;
        int status = 0;
        if (::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
        return WEXITSTATUS(status);
    }

    fs::path folder_{};
    Descriptor events_{};
};

// Breaks if a crashing child is restarted for ever, or given up after a single bad minute long ago.
TEST(RestartPolicy, delays_double_up_to_their_limit_and_the_window_forgets) {
    RestartPolicy policy(
        {.restarts_max = 4, .window_ms = 1'000, .backoff_first_ms = 10, .backoff_max_ms = 40});
    EXPECT_EQ(policy.delay_after_exit(0), 10);
    EXPECT_EQ(policy.delay_after_exit(1), 20);
    EXPECT_EQ(policy.delay_after_exit(2), 40);
    EXPECT_EQ(policy.delay_after_exit(3), 40);
    EXPECT_EQ(policy.delay_after_exit(4), std::nullopt);
    EXPECT_EQ(policy.delay_after_exit(1'002), 20) << "two of the four lie in the window still";
    EXPECT_EQ(policy.restarts_total(), 5U);
}

// Breaks if `aitbc up` says "started" although the program cannot be executed.
TEST_F(Processes, a_program_that_cannot_be_executed_is_an_error_with_the_reason) {
    const auto started = start_process({.command = {path("nothing")}, .log_file = path("log")});
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::unavailable);
    EXPECT_NE(started.error().why.find("No such file"), std::string::npos);
}

// Breaks if the output of a process that failed is lost.
TEST_F(Processes, output_goes_to_the_log_whose_last_lines_can_be_shown) {
    const auto started =
        start_process({.command = {"/bin/sh", "-c", "echo one; echo two >&2; echo three"},
                       .log_file = path("log")});
    ASSERT_TRUE(started.ok()) << render_error(started.error());
    EXPECT_EQ(end_of(started.value().pid), 0);
    EXPECT_EQ(last_lines(path("log"), 2), "  two\n  three");
}

// Breaks if a signal can reach a stranger that got the number of an ended process.
TEST_F(Processes, a_handle_is_refused_for_another_process_of_the_same_number) {
    auto self = identify(::getpid());
    ASSERT_TRUE(self.has_value());
    EXPECT_TRUE(ProcessHandle::open(*self).has_value());
    ++self->start_ticks;
    EXPECT_FALSE(ProcessHandle::open(*self).has_value());
}

// Breaks if two supervisors run over one data directory, or a stale file keeps one from starting.
TEST_F(Processes, a_role_has_one_holder_who_is_named_and_a_stale_file_holds_nothing) {
    const ProcessId holder{.pid = 4711, .start_ticks = 12};
    {
        const auto first = ProcessFile::claim(path("role.pid"));
        ASSERT_TRUE(first.ok());
        EXPECT_EQ(holder_of(path("role.pid")).error().code, ErrorCode::not_ready);
        ASSERT_TRUE(first.value().write(holder).ok());
        const auto second = ProcessFile::claim(path("role.pid"));
        ASSERT_FALSE(second.ok());
        EXPECT_EQ(second.error().code, ErrorCode::conflict);
        EXPECT_NE(second.error().why.find("4711"), std::string::npos);
        EXPECT_EQ(holder_of(path("role.pid")).value(), holder);
    }
    EXPECT_EQ(holder_of(path("role.pid")).value(), std::nullopt);
    EXPECT_EQ(holder_of(path("no-such.pid")).value(), std::nullopt);
}

// Breaks if `aitbc miner start` cannot tell that its miner runs: the lock must live with the miner.
TEST_F(Processes, a_detached_process_keeps_the_role_that_it_inherited_until_it_ends) {
    std::optional<ProcessFile> role;
    {
        auto claimed = ProcessFile::claim(path("miner.pid"));
        ASSERT_TRUE(claimed.ok());
        role.emplace(std::move(claimed).value());
    }
    const auto started = start_process(
        {.command = {"/bin/sh", "-c", "echo up >\"$0\"; exec sleep 600", path("events")},
         .environment = {{"PATH", "/usr/bin:/bin"}},
         .log_file = path("log"),
         .lifetime = Lifetime::detached,
         .inherited_descriptor = role->descriptor()});
    ASSERT_TRUE(started.ok());
    ASSERT_TRUE(role->write(started.value()).ok());
    EXPECT_EQ(next_event(), "up");
    role.reset();
    EXPECT_EQ(holder_of(path("miner.pid")).value(), started.value());
    const auto handle = ProcessHandle::open(started.value());
    ASSERT_TRUE(handle.has_value());
    EXPECT_TRUE(handle->send(SIGKILL));
    EXPECT_TRUE(handle->wait_for_end(event_ms_max));
}

// Breaks if systemd never hears that the service is ready.
TEST_F(Processes, the_service_manager_gets_one_datagram_and_its_absence_is_fine) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_TRUE(sd_notify("READY=1").ok());
    const Descriptor manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path("notify").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(
        ::bind(manager.number(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path("notify").c_str(), 1);
    EXPECT_TRUE(sd_notify("READY=1\nSTATUS=fine").ok());
    ::unsetenv("NOTIFY_SOCKET");
    std::array<char, 64> text{};
    const auto count = ::recv(manager.number(), text.data(), text.size(), MSG_DONTWAIT);
    EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(std::max<::ssize_t>(count, 0))),
              "READY=1\nSTATUS=fine");
}

// Breaks if the node is stopped under a miner that still works for it.
TEST_F(Processes, children_start_in_order_and_stop_in_reverse_on_sigterm) {
    auto second = polite("miner");
    second.wait_for_socket = path("node.sock");
    const auto supervisor = launch(options({polite("node"), second}));
    EXPECT_EQ(next_event(), "start-node");

    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path("node.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(
        ::bind(socket.number(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(socket.number(), 8), 0);
    EXPECT_EQ(next_event(), "start-miner");

    ::kill(supervisor, SIGTERM);
    EXPECT_EQ(next_event(), "stop-miner");
    EXPECT_EQ(next_event(), "stop-node");
    EXPECT_EQ(end_of(supervisor), 0);
    const auto state = read_supervisor_state(path("supervisor.json"));
    ASSERT_TRUE(state.ok()) << render_error(state.error());
    EXPECT_EQ(state.value().phase, SupervisorPhase::stopped);
    EXPECT_EQ(state.value().reason, "SIGTERM");
    EXPECT_EQ(state.value().find_child("node")->phase, ChildPhase::stopped);
}

// Breaks if a node that always crashes burns the machine, or its end goes unnoticed.
TEST_F(Processes, an_essential_child_that_keeps_ending_is_given_up_and_everything_stops_visibly) {
    auto node = shell("node", "echo run >\"$1\"; exit 3");
    node.is_essential = true;
    const auto supervisor = launch(options({polite("other"), node}));
    std::vector<std::string> events;
    for (int i = 0; i < 5; ++i) events.push_back(next_event());
    EXPECT_EQ(std::count(events.begin(), events.end(), "run"), 3) << "one start and two restarts";
    EXPECT_EQ(std::count(events.begin(), events.end(), "stop-other"), 1);
    EXPECT_EQ(end_of(supervisor), 1);
    const auto state = read_supervisor_state(path("supervisor.json"));
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state.value().phase, SupervisorPhase::failed);
    const auto* child = state.value().find_child("node");
    ASSERT_NE(child, nullptr);
    EXPECT_EQ(child->phase, ChildPhase::given_up);
    EXPECT_EQ(child->restarts, 2U);
    EXPECT_EQ(child->last_exit, "status 3");
}

// Breaks if a hanging child makes `aitbc down` wait for ever.
TEST_F(Processes, a_child_that_ignores_sigterm_is_killed_after_its_drain_time) {
    auto stubborn = shell("node", "trap '' TERM; echo up >\"$1\"; exec sleep 600");
    stubborn.drain_ms_max = 50;
    const auto supervisor = launch(options({stubborn}));
    EXPECT_EQ(next_event(), "up");
    ::kill(supervisor, SIGTERM);
    EXPECT_EQ(end_of(supervisor), 0);
    EXPECT_EQ(read_supervisor_state(path("supervisor.json")).value().find_child("node")->last_exit,
              "signal 9");
}

// Breaks if a killed supervisor leaves a node behind that nobody watches.
TEST_F(Processes, children_are_told_to_stop_when_the_supervisor_is_killed) {
    const auto supervisor = launch(options({polite("node")}));
    EXPECT_EQ(next_event(), "start-node");
    ::kill(supervisor, SIGKILL);
    EXPECT_EQ(next_event(), "stop-node");
    EXPECT_EQ(end_of(supervisor), -1);
}

// Breaks if `systemctl reload` ends the miner, or never reaches the node.
TEST_F(Processes, a_hangup_is_passed_on_to_the_child_that_takes_it_only) {
    const std::string code =
        "trap 'echo reload-$0 >\"$1\"' HUP; trap 'echo stop-$0 >\"$1\"; exit 0' TERM\n"
        "exec 3<>\"$1.never\"; echo start-$0 >\"$1\"; while true; do read -r line <&3; done";
    auto node = shell("node", code);
    node.takes_hangup = true;
    auto miner = shell("miner", code);
    const auto supervisor = launch(options({miner, node}));
    const std::vector<std::string> started{next_event(), next_event()};
    EXPECT_THAT(started, testing::UnorderedElementsAre("start-node", "start-miner"));
    ::kill(supervisor, SIGHUP);
    EXPECT_EQ(next_event(), "reload-node");
    ::kill(supervisor, SIGTERM);
    EXPECT_EQ(next_event(), "stop-node");
    EXPECT_EQ(next_event(), "stop-miner");
    EXPECT_EQ(end_of(supervisor), 0);
}

// Breaks if a changed miner.price_per_hour needs a restart of the node, or counts as a failure of
// the miner, or ends the node too.
TEST_F(Processes, a_hangup_renews_the_children_whose_configuration_changed) {
    const std::string code =
        "trap 'echo reload-$0 >\"$1\"' HUP; trap 'echo stop-$0 >\"$1\"; exit 0' TERM\n"
        "exec 3<>\"$1.never\"; echo start-$0 >\"$1\"; while true; do read -r line <&3; done";
    auto given = options({shell("node", code), shell("miner", code)});
    given.limits.restarts_max = 0;  // a failure would give the miner up
    given.changed_children = [] { return std::vector<std::string>{"miner"}; };
    const auto supervisor = launch(given);
    const std::vector<std::string> started{next_event(), next_event()};
    EXPECT_THAT(started, testing::UnorderedElementsAre("start-node", "start-miner"));
    ::kill(supervisor, SIGHUP);
    EXPECT_EQ(next_event(), "stop-miner");
    EXPECT_EQ(next_event(), "start-miner");
    ::kill(supervisor, SIGTERM);
    EXPECT_EQ(next_event(), "stop-miner");
    EXPECT_EQ(next_event(), "stop-node");
    EXPECT_EQ(end_of(supervisor), 0);
}

// Breaks if `aitbcd --role supervisor --set KEY=VALUE` starts children that know nothing of it.
TEST_F(Processes, settings_of_the_supervisors_line_reach_its_children) {
    config::Sources sources{.environment = {{"AITBC_HOME", path("home")}},
                            .flags = {{"gateway.tcp_port", "9001"}}};
    const auto loaded = config::load_config(sources);
    ASSERT_TRUE(loaded.ok()) << loaded.error().why;
    const auto made = supervisor_options(loaded.value(), sources, "/usr/bin/aitbcd");
    ASSERT_TRUE(made.ok()) << made.error().why;
    ASSERT_EQ(made.value().children.size(), 2U);
    for (const auto& child : made.value().children)
        EXPECT_THAT(child.command, testing::IsSupersetOf({"--set", "gateway.tcp_port=9001"}));
    EXPECT_TRUE(made.value().changed_children().empty()) << "nothing has changed";
    fs::create_directories(fs::path(loaded.value().file).parent_path());
    std::ofstream(loaded.value().file) << "[miner]\nregion = \"elsewhere\"\n";
    EXPECT_THAT(made.value().changed_children(), testing::ElementsAre("miner"));
    std::ofstream(loaded.value().file) << "[miner]\nregion = 5\n";
    EXPECT_TRUE(made.value().changed_children().empty()) << "a faulty file changes nothing";
}

// Breaks if a chatty child fills the disk, or its last lines are lost when the log is emptied.
TEST_F(Processes, a_log_that_grew_too_large_moves_its_content_aside) {
    std::ofstream(path("log")) << "a line\n";
    bound_log(path("log"), 100);
    EXPECT_EQ(fs::file_size(path("log")), 7U);
    bound_log(path("log"), 3);
    EXPECT_EQ(fs::file_size(path("log")), 0U);
    EXPECT_EQ(last_lines(path("log.1")), "  a line");
}

// Breaks if a second supervisor takes over the children of the first.
TEST_F(Processes, a_second_supervisor_is_refused) {
    const auto first = launch(options({polite("node")}));
    EXPECT_EQ(next_event(), "start-node");
    EXPECT_EQ(end_of(launch(options({polite("node")}))),
              error_code_row(ErrorCode::conflict).exit_status);
    ::kill(first, SIGTERM);
    EXPECT_EQ(next_event(), "stop-node");
    EXPECT_EQ(end_of(first), 0);
}

/// A trial home for up and down.
class Home : public Processes {
  protected:
    Home() {
        sources_.environment = {
            {"HOME", path("")}, {"AITBC_HOME", path("home")}, {"PATH", "/usr/bin:/bin"}};
    }
    [[nodiscard]] config::NodeConfig values() const {
        auto config = config::load_config(sources_);
        EXPECT_TRUE(config.ok());
        return config.value().values;
    }
    config::Sources sources_{};
};

// Breaks if a second `up` replaces the key, the genesis or the wallet: everything would be lost.
TEST_F(Home, what_a_node_needs_is_made_once_private_and_then_kept) {
    const auto values = this->values();
    ManualClock clock;
    ASSERT_TRUE(make_directories(values).ok());
    const auto key = ensure_node_key(values.node.data_dir, system_random());
    ASSERT_TRUE(key.ok()) << render_error(key.error());
    ASSERT_TRUE(ensure_genesis(values, key.value().public_key(), clock).ok());
    const auto wallet = ensure_wallet(values, system_random(), clock);
    ASSERT_TRUE(wallet.ok()) << render_error(wallet.error());
    EXPECT_TRUE(wallet.value().made);

    struct stat facts{};
    for (const std::string name : {"/node.key", "/wallet.password", "/wallets/default.json"}) {
        ASSERT_EQ(::stat((values.node.data_dir + name).c_str(), &facts), 0) << name;
        EXPECT_EQ(facts.st_mode & 0777, 0600U) << name;
    }
    ASSERT_EQ(::stat(values.node.data_dir.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0700U);

    clock.advance_ms(60'000);
    EXPECT_EQ(ensure_node_key(values.node.data_dir, system_random()).value().public_key(),
              key.value().public_key());
    ASSERT_TRUE(ensure_genesis(values, PublicKey{}, clock).ok());
    const auto again = ensure_wallet(values, system_random(), clock);
    EXPECT_FALSE(again.value().made);
    EXPECT_EQ(again.value().address, wallet.value().address);

    const auto text = config::read_text_file(values.node.genesis_file, 65'536);
    const auto genesis = consensus::parse_genesis(text.value());
    ASSERT_TRUE(genesis.ok()) << render_error(genesis.error());
    EXPECT_TRUE(consensus::is_validator(genesis.value(), key.value().public_key()));
    EXPECT_EQ(genesis.value().chain, "ait-devnet");
}

// Breaks if `up` invents a genesis for a chain that others have agreed on.
TEST_F(Home, the_genesis_of_another_chain_is_never_made_up) {
    sources_.flags = {{"node.chain", "ait-healthchain"}};
    const auto values = this->values();
    ASSERT_TRUE(make_directories(values).ok());
    EXPECT_EQ(ensure_genesis(values, PublicKey{}, system_clock()).error().code,
              ErrorCode::not_found);
}

// Breaks if a node that dies at its start leaves the user waiting, or without the reason.
TEST_F(Home, up_fails_early_with_the_last_log_lines_when_the_node_dies) {
    const auto result =
        up({.sources = sources_, .node_program = AIT_SUPERVISE_CHILD, .deadline_ms = 60'000});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::unavailable) << render_error(result.error());
    EXPECT_NE(result.error().why.find("the disk is on fire"), std::string::npos)
        << result.error().why;
    EXPECT_NE(result.error().why.find("status 7"), std::string::npos);
}

// Breaks if the first command of every user does not end with a node, a miner and a funded wallet,
// or if repeating it starts a second node or funds the wallet again.
TEST_F(Home, up_starts_and_funds_once_and_finds_all_of_it_the_second_time) {
    sources_.environment.emplace_back("AITBC_TEST_NODE", "serve");
    const UpOptions options{.sources = sources_, .node_program = AIT_SUPERVISE_CHILD};
    const auto first = up(options);
    ASSERT_TRUE(first.ok()) << render_error(first.error());
    EXPECT_FALSE(first.value()["already_running"].get<bool>());
    EXPECT_TRUE(first.value()["wallet_made"].get<bool>());
    EXPECT_TRUE(first.value()["funded"].get<bool>());
    EXPECT_EQ(first.value()["balance"], "1000.000000");
    EXPECT_EQ(first.value()["wallet"], "default");
    EXPECT_EQ(first.value()["miner"]["state"], "registered");
    EXPECT_EQ(first.value()["socket"], path("home") + "/data/node.sock");

    const auto second = up(options);
    ASSERT_TRUE(second.ok()) << render_error(second.error());
    EXPECT_TRUE(second.value()["already_running"].get<bool>());
    EXPECT_FALSE(second.value()["wallet_made"].get<bool>());
    EXPECT_FALSE(second.value()["funded"].get<bool>());
    EXPECT_EQ(second.value()["address"], first.value()["address"]);
    EXPECT_EQ(second.value()["balance"], "1000.000000");

    const auto miner = start_miner({.sources = sources_, .node_program = AIT_SUPERVISE_CHILD});
    ASSERT_TRUE(miner.ok()) << render_error(miner.error());
    EXPECT_TRUE(miner.value()["already_running"].get<bool>()) << "the supervisor runs one";
    EXPECT_EQ(stop_miner({.sources = sources_}).error().code, ErrorCode::conflict);
    const auto stopped = down({.sources = sources_, .deadline_ms = event_ms_max});
    ASSERT_TRUE(stopped.ok()) << render_error(stopped.error());
    EXPECT_TRUE(stopped.value()["was_running"].get<bool>());
}

// Breaks if a miner of its own is started twice, or survives `down`.
TEST_F(Home, a_miner_of_its_own_is_started_once_and_stopped) {
    ASSERT_TRUE(config::init_config(path("home/config/node.toml"), false).ok());
    const MinerStartOptions options{.sources = sources_, .node_program = AIT_SUPERVISE_CHILD};
    const auto first = start_miner(options);
    ASSERT_TRUE(first.ok()) << render_error(first.error());
    EXPECT_FALSE(first.value()["already_running"].get<bool>());
    const auto second = start_miner(options);
    EXPECT_TRUE(second.value()["already_running"].get<bool>());
    EXPECT_EQ(second.value()["pid"], first.value()["pid"]);
    const auto stopped = stop_miner({.sources = sources_, .deadline_ms = event_ms_max});
    ASSERT_TRUE(stopped.ok()) << render_error(stopped.error());
    EXPECT_TRUE(stopped.value()["was_running"].get<bool>());
    EXPECT_FALSE(stop_miner({.sources = sources_}).value()["was_running"].get<bool>());
}

// Breaks if `down` cannot stop what a failed `up` left running, or reports a stop that did not
// happen.
TEST_F(Home, down_stops_what_runs_and_says_when_nothing_did) {
    EXPECT_FALSE(down({.sources = sources_}).value()["was_running"].get<bool>());
    sources_.environment.emplace_back("AITBC_TEST_NODE", "hang");
    const auto result =
        up({.sources = sources_, .node_program = AIT_SUPERVISE_CHILD, .deadline_ms = 300});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::deadline_exceeded) << render_error(result.error());
    const auto stopped = down({.sources = sources_, .deadline_ms = event_ms_max});
    ASSERT_TRUE(stopped.ok()) << render_error(stopped.error());
    EXPECT_TRUE(stopped.value()["was_running"].get<bool>());
    EXPECT_FALSE(stopped.value()["forced"].get<bool>());
    EXPECT_FALSE(down({.sources = sources_}).value()["was_running"].get<bool>());
}

}  // namespace
}  // namespace ait::supervise
