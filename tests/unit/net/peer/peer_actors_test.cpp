#include "net/peer/peer_actors.hpp"

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <optional>

#include "net/peer/caf_error.hpp"
#include "peer_nodes.hpp"

namespace ait::net {

struct Note {
    std::string text{};
    static constexpr auto fields() { return std::tuple{field("text", &Note::text, "What.")}; }
};
struct Question {
    std::uint64_t number = 0;
    static constexpr auto fields() {
        return std::tuple{field("number", &Question::number, "Which.")};
    }
};
struct Answer {
    std::uint64_t twice = 0;
    static constexpr auto fields() { return std::tuple{field("twice", &Answer::twice, "It.")}; }
};
/// Known to both, taken by nobody.
struct Unwanted {
    std::uint64_t number = 0;
    static constexpr auto fields() {
        return std::tuple{field("number", &Unwanted::number, "Which.")};
    }
};
/// Has no form between nodes.
struct Formless {
    std::uint64_t number = 0;
};

}  // namespace ait::net

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Note)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Question)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Unwanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Formless)

namespace ait::net {
namespace {

constexpr std::chrono::seconds patience{20};
constexpr std::uint64_t never_answered = 13;
constexpr std::uint64_t failing = 14;
constexpr std::uint16_t worker_number = 7;

using Worker = caf::typed_actor<caf::reacts_to<Note>, caf::replies_to<Question>::with<Answer>,
                                caf::replies_to<Unwanted>::with<Answer>,
                                caf::replies_to<Formless>::with<Answer>>;

/// Where the worker's notes can be seen by the test.
struct Notes {
    std::mutex mutex{};
    std::vector<std::string> texts{};
    std::size_t count() {
        const std::lock_guard lock(mutex);
        return texts.size();
    }
};

Worker::behavior_type work(Worker::pointer self, std::shared_ptr<Notes> notes,
                           std::function<void()> tell) {
    return {[notes, tell](const Note& note) {
                {
                    const std::lock_guard lock(notes->mutex);
                    notes->texts.push_back(note.text);
                }
                tell();
            },
            [self](const Question& question) -> caf::result<Answer> {
                if (question.number == never_answered) {
                    auto promise = self->make_response_promise<Answer>();
                    return promise;
                }
                if (question.number == failing) {
                    return to_caf({ErrorCode::not_found, "No such block.", "14.", ""});
                }
                return Answer{2 * question.number};
            },
            [](const Unwanted&) { return Answer{}; }, [](const Formless&) { return Answer{}; }};
}

PeerMessages messages() {
    PeerMessages made;
    made.add<Note>(1, test_kind::gossip)
        .add_request<Question, Answer>(2, test_kind::ask)
        .add_request<Unwanted, Answer>(3, test_kind::ask);
    return made;
}

struct TwoThreads : caf::actor_system_config {
    TwoThreads() {
        set("scheduler.policy", caf::atom("sharing"));
        set("scheduler.max-threads", 2U);
    }
};

/// Two nodes with a worker published at `low`, and its proxy at `high`.
struct RemoteWorker : testing::Test {
    TwoThreads config{};
    caf::actor_system system{config};
    std::shared_ptr<Notes> notes = std::make_shared<Notes>();
    Pair pair{};
    PeerActors at_low{system, {.messages = messages()}};
    PeerActors at_high{system, {.messages = messages()}};
    Worker worker{};
    Worker proxy{};

    static void route(TestNode& node, PeerActors& actors) {
        auto& callbacks = node.options.callbacks;
        callbacks.on_messages = [&actors](const PublicKey& peer,
                                          std::span<const PeerFrame> frames) {
            actors.on_messages(peer, frames);
        };
        callbacks.on_link = [&actors, keep = callbacks.on_link](const PeerLinkChange& change) {
            actors.on_link(change);
            keep(change);
        };
    }
    void SetUp() override {
        route(*pair.low, at_low);
        route(*pair.high, at_high);
        TestNode& high = *pair.high;
        worker = system.spawn(work, notes, [&high] { high.tell(); });
        at_low.publish(worker_number, worker, {1, 2});
        EXPECT_FALSE(at_high.proxy<Worker>(pair.low->key(), worker_number).ok());
        ASSERT_TRUE(pair.start());
        at_low.open(**pair.low);
        at_high.open(**pair.high);
        auto made = at_high.proxy<Worker>(pair.low->key(), worker_number);
        ASSERT_TRUE(made.ok());
        proxy = made.value();
    }
    void TearDown() override {
        pair.low->stop();
        pair.high->stop();
        at_low.close();
        at_high.close();
        caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
    }
    template <class Request>
    Result<std::uint64_t> ask(const Request& request) {
        caf::scoped_actor self{system};
        Result<std::uint64_t> result = std::uint64_t{0};
        self->request(proxy, patience, request)
            .receive([&](const Answer& answer) { result = answer.twice; },
                     [&](const caf::error& error) { result = from_caf(error); });
        return result;
    }
};

// Breaks if a remote actor must be addressed in another way than a local one.
TEST_F(RemoteWorker, takes_messages_and_answers_requests_like_a_local_actor) {
    caf::scoped_actor self{system};
    for (int i = 0; i < 200; ++i) self->send(proxy, Note{"note " + std::to_string(i)});
    ASSERT_TRUE(pair.high->wait([&] { return notes->count() == 200; }));
    for (std::size_t i = 0; i < 200; ++i) {
        ASSERT_EQ(notes->texts[i], "note " + std::to_string(i));
    }
    for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(ask(Question{i}).value(), 2 * i);
    const auto again = at_high.proxy<Worker>(pair.low->key(), worker_number);
    EXPECT_EQ(again.value(), proxy);  // one proxy a remote actor
}

TEST_F(RemoteWorker, gives_the_error_that_the_remote_actor_gave) {
    const auto reply = ask(Question{failing});
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code, ErrorCode::not_found);
    EXPECT_EQ(reply.error().what, "No such block.");
}

// Breaks if peers can reach actors or messages that nobody opened to them.
TEST_F(RemoteWorker, refuses_messages_that_are_not_published_or_have_no_form) {
    EXPECT_EQ(ask(Unwanted{}).error().code, ErrorCode::not_found);
    EXPECT_EQ(ask(Formless{}).error().code, ErrorCode::unsupported);
    proxy = at_high.proxy<Worker>(pair.low->key(), 99).value();
    EXPECT_EQ(ask(Question{1}).error().code, ErrorCode::not_found);
    EXPECT_EQ(at_low.stray_total(), 2U);
    // Bytes that are no message: too short, unknown number, another kind's frame, garbage.
    using namespace std::string_literals;
    for (const std::string& bytes : {"x"s, "\0\7\0\x63"s, "\0\7\0\2garbage"s, "\0\7\0\1garbage"s}) {
        ASSERT_TRUE((*pair.high)->send(pair.low->key(), test_kind::gossip, 0, bytes).ok());
    }
    EXPECT_EQ(ask(Question{1}).error().code, ErrorCode::not_found);
    EXPECT_TRUE(pair.high->wait([&] {
        caf::scoped_actor self{system};
        pair.high->tell();
        return at_low.stray_total() == 7U;
    }));
}

// Breaks if an actor waits for ever for one whose node has gone.
TEST_F(RemoteWorker, ends_its_proxy_with_the_link) {
    caf::scoped_actor self{system};
    self->monitor(proxy);
    std::optional<caf::error> failure;
    auto waiting = self->request(proxy, patience, Question{never_answered});
    pair.low->stop();
    waiting.receive([](const Answer&) { ADD_FAILURE() << "nobody answers this"; },
                    [&](const caf::error& error) { failure = error; });
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(from_caf(*failure).code, ErrorCode::unavailable);
    bool is_down = false;
    self->receive(
        [&](const caf::down_msg& down) {
            is_down = true;
            EXPECT_EQ(down.reason, caf::exit_reason::remote_link_unreachable);
        },
        caf::after(patience) >> [] {});
    EXPECT_TRUE(is_down);
    // Whoever still holds the proxy is answered at once.
    EXPECT_EQ(ask(Question{1}).error().code, ErrorCode::unavailable);
    EXPECT_FALSE(at_high.proxy<Worker>(pair.low->key(), worker_number).ok());
}

TEST(CafError, keeps_code_and_texts) {
    const Error back = from_caf(to_caf({ErrorCode::overloaded, "What.", "Why.", "Next."}));
    EXPECT_EQ(back.code, ErrorCode::overloaded);
    EXPECT_EQ(back.next, "Next.");
    EXPECT_EQ(from_caf(caf::make_error(caf::sec::request_timeout)).code,
              ErrorCode::deadline_exceeded);
    EXPECT_EQ(from_caf(caf::make_error(caf::sec::unexpected_message)).code, ErrorCode::unsupported);
    EXPECT_EQ(from_caf(caf::make_error(caf::sec::invalid_argument)).code, ErrorCode::internal);
}

}  // namespace
}  // namespace ait::net
