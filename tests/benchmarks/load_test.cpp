#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/benchmarks/etcd_protocol.hpp"
#include "tests/benchmarks/figures.hpp"
#include "tests/benchmarks/grpc.hpp"
#include "tests/benchmarks/http_answer.hpp"
#include "tests/benchmarks/job_book.hpp"
#include "tests/benchmarks/options.hpp"
#include "tests/benchmarks/redis_protocol.hpp"
#include "tests/benchmarks/resp.hpp"

namespace ait::benchmarks {
namespace {

// Breaks if quantiles drift from the durations that were counted: every figure would be wrong.
TEST(Histogram, quantiles_are_within_a_thirty_second_of_the_truth) {
    Histogram histogram;
    for (std::int64_t us = 1; us <= 1'000'000; ++us) histogram.add(us);
    EXPECT_EQ(histogram.count(), 1'000'000U);
    EXPECT_EQ(histogram.max_us(), 1'000'000);
    for (const double share : {0.001, 0.25, 0.5, 0.99, 0.999}) {
        const double truth = share * 1'000'000;
        const auto found = static_cast<double>(histogram.quantile_us(share));
        EXPECT_GE(found, truth) << share;
        EXPECT_LE(found, truth * (1 + 1.0 / 32) + 1) << share;
    }
    EXPECT_EQ(histogram.quantile_us(1), 1'000'000);
}

// Breaks if an empty run or an absurd duration leaves the table.
TEST(Histogram, nothing_and_too_much_are_counted_without_harm) {
    Histogram histogram;
    EXPECT_EQ(histogram.quantile_us(0.5), 0);
    histogram.add(-5);
    EXPECT_EQ(histogram.quantile_us(0.5), 0);
    constexpr std::int64_t year_us = 366LL * 24 * 3'600 * 1'000'000;
    histogram.add(year_us);
    EXPECT_EQ(histogram.max_us(), year_us);
}

// Breaks if the times come from somewhere else than this process.
TEST(CpuTimes, own_time_grows_with_work) {
    const std::array<std::int32_t, 1> self{::getpid()};
    const CpuTimes before = read_cpu_times(self);
    std::uint64_t work = 1;
    CpuTimes spent{};
    while (spent.own_us < 20'000) {
        for (int i = 0; i < 1'000'000; ++i) work = work * 6'364'136'223'846'793'005ULL + 1;
        spent = read_cpu_times(self) - before;
    }
    EXPECT_NE(work, 0U);
    EXPECT_NEAR(static_cast<double>(spent.own_us), static_cast<double>(spent.server_us), 10'000);
    EXPECT_GT(resident_bytes(self), 0U);
}

std::string job_id(int number) {
    return "job-" + std::to_string(number) + "-abcdefghijklmnop";
}

// Breaks if a doubled or lost job goes unseen: the measurement's claim of safety would be empty.
TEST(JobBook, jobs_that_are_doubled_or_left_are_found) {
    JobBook book(4);
    constexpr int count = 5'000;  // more than expected, so that it has to grow
    for (int i = 0; i < count; ++i) book.submitted(job_id(i));
    for (int i = 0; i < count - 3; ++i) {
        book.leased(job_id(i));
        book.completed(job_id(i));
    }
    EXPECT_EQ(book.count_unfinished(), 3U);
    EXPECT_EQ(book.count_foreign(), 0U);
    book.leased(job_id(7));
    book.completed(job_id(7));
    book.submitted(job_id(8));
    book.leased("job-of-somebody-else");
    EXPECT_EQ(book.totals().leased_twice, 1U);
    EXPECT_EQ(book.totals().completed_twice, 1U);
    EXPECT_EQ(book.totals().submitted_twice, 1U);
    EXPECT_EQ(book.count_foreign(), 1U);
    EXPECT_GE(book.sample().size(), 256U);
    EXPECT_LT(book.sample().size(), 512U);
}

// Breaks if a job that is leased before its submission was answered counts as somebody else's.
TEST(JobBook, the_order_of_answers_does_not_matter) {
    JobBook book(1);
    book.leased("a");
    book.completed("a");
    book.submitted("a");
    EXPECT_EQ(book.count_foreign(), 0U);
    EXPECT_EQ(book.count_unfinished(), 0U);
    EXPECT_EQ(book.totals().leased_twice, 0U);
}

// Breaks if an answer that comes in pieces is read too early.
TEST(HttpAnswer, an_answer_is_read_when_it_is_whole) {
    const std::string text =
        "HTTP/1.1 200 OK\r\ndate: now\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
    for (std::size_t size = 0; size < text.size(); ++size) {
        const auto part = read_answer(std::string_view(text).substr(0, size));
        ASSERT_TRUE(part.ok());
        EXPECT_EQ(part.value().size, 0U) << size;
    }
    const auto whole = read_answer(text + "HTTP/1.1");
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(whole.value().size, text.size());
    EXPECT_EQ(whole.value().status, 200);
    EXPECT_EQ(whole.value().body, "hello");
}

TEST(HttpAnswer, an_answer_without_status_or_length_is_refused) {
    EXPECT_FALSE(read_answer("HTTP/1.1 200 OK\r\n\r\n").ok());
    EXPECT_FALSE(read_answer("HTTP/1.1 \r\ncontent-length: 0\r\n\r\n").ok());
    EXPECT_FALSE(read_answer("SSH-2.0\r\ncontent-length: 0\r\n\r\n").ok());
}

TEST(JsonWalk, values_are_found_in_their_order) {
    JsonWalk walk(R"({"id":"a","n":12,"id":"b","n":3})");
    ASSERT_TRUE(walk.find(R"("id":)"));
    EXPECT_EQ(walk.text(), "a");
    ASSERT_TRUE(walk.find(R"("n":)"));
    EXPECT_EQ(walk.number(), 12U);
    EXPECT_EQ(walk.text(), "");
    ASSERT_TRUE(walk.find(R"("id":)"));
    EXPECT_EQ(walk.text(), "b");
    EXPECT_FALSE(walk.find(R"("id":)"));
}

TEST(Resp, commands_and_replies_have_redis_form) {
    std::string out;
    append_command(out, {"LPUSH", "list", "value"});
    EXPECT_EQ(out, "*3\r\n$5\r\nLPUSH\r\n$4\r\nlist\r\n$5\r\nvalue\r\n");
    EXPECT_EQ(read_reply(":12\r\n").value().number, 12);
    EXPECT_EQ(read_reply("+QUEUED\r\n").value().text, "QUEUED");
    EXPECT_EQ(read_reply("$3\r\na\nb\r\n").value().text, "a\nb");
    EXPECT_EQ(read_reply("$-1\r\n").value().number, -1);
    EXPECT_EQ(read_reply("$3\r\na\nb\r").value().size, 0U);
    EXPECT_EQ(read_reply("*2\r\n:1\r\n").value().size, 4U);
    EXPECT_FALSE(read_reply("-ERR no\r\n").ok());
    EXPECT_FALSE(read_reply("$99999999999\r\n").ok());
}

std::string replies(std::initializer_list<std::string_view> lines) {
    std::string text;
    for (const auto line : lines) text += std::string(line) + "\r\n";
    return text;
}

// Breaks if a step of Redis counts as done before Redis has said so.
TEST(RedisProtocol, a_job_goes_through_three_steps) {
    JobBook book(1);
    RedisProtocol redis({.payload_bytes = 40, .result_bytes = 40}, 1, book);
    std::string out;
    ASSERT_EQ(redis.next_request(0, out), Step::submit);
    const std::size_t payload_at = out.find("{\"prompt");
    const std::string payload = out.substr(payload_at, 40);
    EXPECT_EQ(out.substr(payload_at + 40), "\r\n");
    ASSERT_EQ(redis.take_answer(0, ":1\r\n").value(), 4U);

    ASSERT_EQ(redis.next_request(0, out), Step::lease);
    ASSERT_GT(redis.take_answer(0, "$40\r\n" + payload + "\r\n").value(), 0U);
    ASSERT_EQ(redis.next_request(0, out), Step::result);
    EXPECT_EQ(redis.take_answer(0, replies({"+OK", "+QUEUED", "+QUEUED", "*2", ":1"})).value(), 0U);
    EXPECT_EQ(redis.jobs_done(), 0U);
    ASSERT_GT(
        redis.take_answer(0, replies({"+OK", "+QUEUED", "+QUEUED", "*2", ":1", ":7"})).value(), 0U);
    EXPECT_EQ(redis.jobs_done(), 1U);
    EXPECT_EQ(book.count_unfinished(), 0U);
    redis.stop();
    EXPECT_EQ(redis.next_request(0, out), std::nullopt);
}

// Breaks if Redis losing a worker's job goes unnoticed.
TEST(RedisProtocol, a_job_that_was_not_in_the_workers_list_is_a_fault) {
    JobBook book(1);
    RedisProtocol redis({.payload_bytes = 40, .result_bytes = 40}, 1, book);
    std::string out;
    redis.next_request(0, out);
    const std::string payload = out.substr(out.find("{\"prompt"), 40);
    ASSERT_TRUE(redis.take_answer(0, ":1\r\n").ok());
    redis.next_request(0, out);
    ASSERT_TRUE(redis.take_answer(0, "$40\r\n" + payload + "\r\n").ok());
    redis.next_request(0, out);
    EXPECT_FALSE(
        redis.take_answer(0, replies({"+OK", "+QUEUED", "+QUEUED", "*2", ":0", ":7"})).ok());
}

// Breaks if a worker that found nothing forgets the job that it owes.
TEST(RedisProtocol, an_empty_lease_is_asked_for_again) {
    JobBook book(1);
    RedisProtocol redis({}, 1, book);
    std::string out;
    redis.next_request(0, out);
    ASSERT_TRUE(redis.take_answer(0, ":1\r\n").ok());
    redis.next_request(0, out);
    ASSERT_TRUE(redis.take_answer(0, "$-1\r\n").ok());
    redis.stop();
    EXPECT_EQ(redis.next_request(0, out), Step::lease);
    EXPECT_EQ(redis.empty_leases(), 1U);
}

/// A frame of HTTP/2 on stream 1, or on none.
std::string frame(char type, char flags, char stream, const std::string& payload) {
    std::string text{'\0', '\0', static_cast<char>(payload.size()), type, flags};
    return text + std::string(3, '\0') + stream + payload;
}

std::string message_frame(char stream, const std::string& message) {
    return frame(0, 0, stream, std::string(4, '\0') + static_cast<char>(message.size()) + message);
}

// Breaks if a call's answer is taken before it is whole, or what the server asks for is not said.
TEST(Grpc, an_answer_counts_when_its_last_frame_is_whole) {
    GrpcLane lane;
    std::string out;
    lane.append_call(out, "/service/Call", "question");
    EXPECT_TRUE(out.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    EXPECT_TRUE(out.ends_with("\x08question"));
    const std::string ping = "12345678";
    const std::string text = frame(4, 0, 0, "") + frame(6, 0, 0, ping) + frame(1, 4, 1, "h") +
                             message_frame(1, "answer") + frame(1, 5, 1, "t");
    for (std::size_t size = 0; size < text.size(); ++size) {
        const auto part = lane.read_answer(std::string_view(text).substr(0, size));
        ASSERT_TRUE(part.ok());
        EXPECT_EQ(part.value().size, 0U) << size;
    }
    const auto whole = lane.read_answer(text);
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(whole.value().size, text.size());
    EXPECT_EQ(whole.value().message, "answer");
    out.clear();
    lane.append_call(out, "/service/Call", "again");
    EXPECT_TRUE(out.starts_with(frame(4, 1, 0, "") + frame(6, 1, 0, ping)));
}

TEST(Grpc, a_refused_call_is_an_error) {
    GrpcLane lane;
    std::string out;
    lane.append_call(out, "/service/Call", "question");
    EXPECT_FALSE(lane.read_answer(frame(1, 5, 1, "status 5")).ok());
    EXPECT_FALSE(lane.read_answer(frame(3, 0, 1, "1234")).ok());
    EXPECT_FALSE(lane.read_answer(message_frame(3, "x") + frame(1, 5, 3, "t")).ok());
}

TEST(Protobuf, fields_are_found_as_they_were_put) {
    std::string message;
    append_number(message, 3, 300);
    append_bytes(message, 17, "text");
    EXPECT_EQ(message, "\x18\xac\x02\x8a\x01\x04text");
    EXPECT_EQ(find_field(message, 3)->value, 300U);
    EXPECT_EQ(find_field(message, 17)->bytes, "text");
    EXPECT_FALSE(find_field(message, 4));
    EXPECT_FALSE(find_field(std::string_view(message).substr(0, message.size() - 1), 17));
}

/// header.revision, and whether a transaction was done.
std::string etcd_answer(std::uint64_t revision, bool succeeded) {
    std::string header;
    append_number(header, 3, revision);
    std::string message;
    append_bytes(message, 1, header);
    if (succeeded) append_number(message, 2, 1);
    return message;
}

// Breaks if a job counts as leased or done although etcd's transaction did nothing.
TEST(EtcdProtocol, a_job_goes_through_three_steps) {
    JobBook book(1);
    EtcdProtocol etcd({}, "run/", 1, book);
    std::string out;
    const auto answer = [&](char stream, const std::string& message) {
        return etcd.take_answer(0, message_frame(stream, message) + frame(1, 5, stream, ""));
    };
    ASSERT_EQ(etcd.next_request(0, out), Step::submit);
    EXPECT_NE(out.find("run/queue/000000000001"), std::string::npos);
    ASSERT_TRUE(answer(1, etcd_answer(7, false)).ok());
    ASSERT_EQ(etcd.next_request(0, out), Step::lease);
    EXPECT_FALSE(answer(3, etcd_answer(8, false)).ok());
    ASSERT_TRUE(answer(3, etcd_answer(8, true)).ok());
    ASSERT_EQ(etcd.next_request(0, out), Step::result);
    EXPECT_EQ(etcd.jobs_done(), 0U);
    ASSERT_TRUE(answer(5, etcd_answer(9, true)).ok());
    EXPECT_EQ(etcd.jobs_done(), 1U);
    etcd.stop();
    EXPECT_EQ(etcd.next_request(0, out), std::nullopt);
}

// Breaks if a worker that found nothing, or came too late, forgets the job that it owes.
TEST(EtcdProtocol, who_looks_for_work_tries_until_a_job_is_its_own) {
    JobBook book(1);
    EtcdProtocol etcd({.looks_for_work = true}, "run/", 1, book);
    std::string out;
    char stream = 1;
    const auto answer = [&](const std::string& message) {
        const auto taken =
            etcd.take_answer(0, message_frame(stream, message) + frame(1, 5, stream, ""));
        stream = static_cast<char>(stream + 2);
        out.clear();
        return taken.ok() && taken.value() > 0;
    };
    etcd.next_request(0, out);
    ASSERT_TRUE(answer(etcd_answer(7, false)));
    etcd.next_request(0, out);
    ASSERT_TRUE(answer(etcd_answer(7, false)));  // nothing waits
    std::string job;
    append_bytes(job, 1, "run/queue/000000000042");
    append_number(job, 3, 6);
    std::string found;
    append_bytes(found, 2, job);
    for (const bool is_first : {false, true}) {
        ASSERT_EQ(etcd.next_request(0, out), Step::lease);
        EXPECT_NE(out.find("KV/Range"), std::string::npos);
        ASSERT_TRUE(answer(found));
        ASSERT_EQ(etcd.next_request(0, out), Step::lease);
        EXPECT_NE(out.find("run/held/000000000042"), std::string::npos);
        ASSERT_TRUE(answer(etcd_answer(8, is_first)));
    }
    EXPECT_EQ(etcd.next_request(0, out), Step::result);
    EXPECT_EQ(etcd.empty_leases(), 2U);
}

TEST(LoadOptions, words_become_options) {
    const auto options =
        read_options({"--redis", "127.0.0.1:6379", "--seconds", "1.5", "--batch", "32", "--json"});
    ASSERT_TRUE(options.ok());
    EXPECT_EQ(options.value().peer, Peer::redis);
    EXPECT_EQ(options.value().load.endpoints.front().port, 6379);
    EXPECT_EQ(options.value().load.measure_ms, 1'500);
    EXPECT_EQ(options.value().redis.batch, 32U);
    EXPECT_TRUE(options.value().is_json);
}

TEST(LoadOptions, what_makes_no_sense_is_refused) {
    using Words = std::vector<std::string>;
    for (const Words& words :
         {Words{}, Words{"--redis", "here"}, Words{"--redis", "127.0.0.1:0"},
          Words{"--redis", "127.0.0.1:1", "--batch"}, Words{"--redis", "127.0.0.1:1", "--what"},
          Words{"--redis", "127.0.0.1:1", "--seconds", "-1"},
          Words{"--redis", "127.0.0.1:1", "--seconds", "nan"}, Words{"--node", "127.0.0.1:1"},
          Words{"--node", "127.0.0.1:1", "--token-file", "t", "--batch", "65"},
          Words{"--node", "127.0.0.1:1", "--node", "127.0.0.1:2", "--token-file", "t"},
          Words{"--node", "127.0.0.1:1", "--etcd", "127.0.0.1:2", "--token-file", "t"},
          Words{"--redis", "127.0.0.1:1", "--redis", "127.0.0.1:2"},
          Words{"--etcd", "127.0.0.1:1", "--batch", "2"}}) {
        const auto options = read_options(words);
        ASSERT_FALSE(options.ok()) << testing::PrintToString(words);
        EXPECT_EQ(options.error().code, ErrorCode::usage);
    }
}

}  // namespace
}  // namespace ait::benchmarks
