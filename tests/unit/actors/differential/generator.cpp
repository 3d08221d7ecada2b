#include "tests/unit/actors/differential/generator.hpp"

#include <algorithm>
#include <limits>

namespace ait::differential {
namespace {

constexpr std::size_t jobs_remembered = 400;
constexpr std::size_t keyed_remembered = 60;
constexpr std::uint64_t hour_ms = 3'600'000;

std::uint32_t number_of(const Address& address) {
    for (std::uint32_t i = 0; i < people_count; ++i) {
        if (person(i).address == address) return i;
    }
    return 0;
}

}  // namespace

Step Generator::next() {
    if (signed_left_ > 0) {
        --signed_left_;
        Step step = signed_step();
        step.is_signed = true;
        finish(step);
        return step;
    }
    if (items_left_ > 0) {
        --items_left_;
        Step step = item_step();
        finish(step);
        return step;
    }
    signed_left_ = below(14);
    items_left_ = below(14);
    // A few that are gone stay, to be asked for in vain.
    std::size_t gone = 0;
    std::erase_if(jobs_, [&](const JobName& name) {
        return duel_.reference().find_job(duel_.id_of(name)) == nullptr && ++gone > 4;
    });
    return Step{.op = Op::seal, .ms = a_pause()};
}

std::uint32_t Generator::a_miner() {
    if (one_in(12)) return anyone();
    return miners_from + static_cast<std::uint32_t>(below(people_count - miners_from));
}

Twist Generator::one_of(std::initializer_list<Twist> twists) {
    return *(twists.begin() + static_cast<std::ptrdiff_t>(below(twists.size())));
}

std::uint64_t Generator::an_amount(std::uint32_t who) {
    const std::uint64_t has =
        who < people_count ? duel_.reference().purse(person(who).address).available : 0;
    switch (below(12)) {
        case 0:
            return below(4);
        case 1:
            return has;
        case 2:
            return has + 1;
        case 3:
            return has / 2;
        case 4:
            return one_in(3) ? amount_max.micro + below(2) : below(100);
        case 5:
            return one_in(4) ? std::numeric_limits<std::uint64_t>::max() : below(1'000);
        default:
            return below(20'000'000);
    }
}

std::uint64_t Generator::a_price() {
    constexpr std::uint64_t largest = 1'000'000ULL * 1'000'000;
    switch (below(10)) {
        case 0:
            return 0;
        case 1:
            return largest + (one_in(3) ? 1 : 0);
        case 2:
            return 3'600'000 + below(3);
        default:
            return below(40'000'000'000);
    }
}

std::int64_t Generator::a_pause() {
    const Books& books = duel_.reference().books();
    const std::uint64_t choice = below(600);
    if (choice < 2) return static_cast<std::int64_t>(31 * 24 * hour_ms);
    if (choice < 5) return static_cast<std::int64_t>(below(13 * hour_ms));
    if (choice < 12) return static_cast<std::int64_t>(below(hour_ms));
    if (choice < 220 && !books.due.empty()) {
        const std::uint64_t ahead = below(std::min<std::uint64_t>(books.due.size(), 6));
        const std::int64_t at =
            std::next(books.due.begin(), static_cast<std::ptrdiff_t>(ahead))->first;
        const std::int64_t pause = at - books.now_ms - 1 + static_cast<std::int64_t>(below(3));
        return pause < 0 || pause > static_cast<std::int64_t>(hour_ms) ? 0 : pause;
    }
    if (choice < 300) return 0;
    return static_cast<std::int64_t>(below(2'000));
}

JobName Generator::a_job() {
    if (jobs_.empty() || one_in(60)) return {};
    // Younger ones more often.
    return jobs_.at(jobs_.size() - 1 - std::min(below(jobs_.size()), below(jobs_.size())));
}

template <class Wanted>
JobName Generator::a_job_that(Wanted wanted) {
    JobName name;
    for (int i = 0; i < 24; ++i) {
        name = a_job();
        const ReferenceJob* job = duel_.reference().find_job(duel_.id_of(name));
        if (job != nullptr && wanted(*job)) break;
    }
    return name;
}

JobName Generator::a_leased_job() {
    std::vector<std::string> leased;
    for (const auto& [id, job] : duel_.reference().books().jobs) {
        if (job.lease) leased.push_back(id);
    }
    if (leased.empty() || one_in(6)) {
        return a_job_that([](const ReferenceJob& job) { return job.lease.has_value(); });
    }
    return duel_.known_as(leased.at(below(leased.size())));
}

std::uint32_t Generator::owner_of(const JobName& name) {
    const ReferenceJob* job = duel_.reference().find_job(duel_.id_of(name));
    return job == nullptr || one_in(16) ? anyone() : number_of(job->owner);
}

std::uint32_t Generator::holder_of(const JobName& name) {
    const ReferenceJob* job = duel_.reference().find_job(duel_.id_of(name));
    if (job == nullptr || one_in(16)) return a_miner();
    if (job->lease) return number_of(job->lease->miner);
    return job->past.empty() ? a_miner() : number_of(job->past.back().miner);
}

Step Generator::signed_step() {
    switch (below(32)) {
        case 0:
        case 1:
        case 2:
            return transfer();
        case 3: {
            const std::uint32_t who = anyone();
            return {.op = Op::stake, .who = who, .amount = an_amount(who)};
        }
        case 4: {
            const std::uint32_t who = anyone();
            const std::uint64_t staked = duel_.reference().purse(person(who).address).staked;
            return {.op = Op::unstake, .who = who, .amount = staked / 2 + below(3)};
        }
        case 5:
        case 6:
        case 7:
        case 8:
        case 9:
        case 10:
        case 11:
        case 12:
            return pay();
        case 13:
        case 14:
        case 15:
        case 16:
        case 17:
        case 18:
        case 19:
        case 20:
        case 21:
        case 22:
            return deliver(one_in(4) ? Op::complete_all : Op::complete);
        case 23:
        case 24:
        case 25:
            return deliver(Op::fail);
        case 26:
        case 27:
        case 28:
            return enroll();
        case 29:
            if (!one_in(3)) return enroll();
            return of_miner(one_in(2) ? Op::drain : Op::leave);
        case 30:
            return raw();
        default:
            return item_step();
    }
}

Step Generator::item_step() {
    switch (below(32)) {
        case 0:
        case 1:
            return {.op = Op::faucet,
                    .who = anyone(),
                    .other = one_in(40) ? nobody : anyone(),
                    .amount =
                        one_in(4) ? an_amount(nobody) : below(one_in(2) ? 1'000'000 : 90'000'000)};
        case 2:
        case 3: {
            const JobName job = a_job_that([](const ReferenceJob& j) { return !j.has_ended(); });
            return {.op = Op::cancel, .who = owner_of(job), .job = job};
        }
        case 4:
            return one_in(3) ? raw() : submit(Op::batch);
        case 5:
            if (one_in(2)) return one_in(2) ? transfer() : deliver(Op::complete);  // not by a node
            return deliver(Op::deliver);
        case 6:
        case 7:
        case 8:
        case 9:
        case 10:
        case 11:
        case 12:
        case 13:
        case 14:
        case 15:
            return of_miner(Op::lease);
        case 16:
        case 17:
        case 18:
            return of_miner(Op::renew);
        case 19:
            return deliver(Op::release);
        default:
            return submit(Op::submit);
    }
}

Step Generator::transfer() {
    Step step{.op = Op::transfer, .who = anyone(), .other = anyone()};
    step.amount = an_amount(step.who);
    step.flavour = static_cast<std::uint32_t>(below(8));
    if (one_in(12)) {
        step.twist = one_of({Twist::bad_memo, Twist::long_memo, Twist::for_another});
    }
    if (one_in(30)) step.other = nobody;
    return step;
}

Step Generator::pay() {
    const JobName job = a_job_that([](const ReferenceJob& j) { return j.is_unpaid(); });
    Step step{.op = Op::pay, .who = owner_of(job), .job = job};
    step.amount = one_in(3) ? an_amount(step.who) : 1 + below(3'000'000);
    return step;
}

Step Generator::deliver(Op op) {
    const JobName name = a_leased_job();
    Step step{.op = op, .who = holder_of(name), .job = name};
    const ReferenceJob* job = duel_.reference().find_job(duel_.id_of(name));
    step.number = job == nullptr ? 1 : job->attempts;
    if (one_in(14)) step.number += one_in(2) ? 1 : static_cast<std::uint64_t>(-1);
    step.number &= 0xFFFF;
    step.amount = one_in(8) ? std::numeric_limits<std::uint64_t>::max() - 1 : below(4'000);
    step.flavour = static_cast<std::uint32_t>(below(4));
    if (op == Op::release) {
        step.amount = 0;
        if (one_in(20))
            step = {.op = op, .who = a_miner(), .other = a_miner(), .twist = Twist::for_another};
    } else if (op == Op::fail) {
        step.amount = 0;
        if (one_in(4)) step.twist = one_of({Twist::not_retryable, Twist::bad_word});
    } else if (one_in(9)) {
        step.twist =
            one_of({Twist::wrong_payload, Twist::wrong_price, Twist::no_result, Twist::no_payload,
                    Twist::result_missing, Twist::bad_word, Twist::ended_before_started});
    }
    return step;
}

Step Generator::enroll() {
    Step step{.op = Op::enroll, .who = a_miner(), .amount = a_price()};
    step.number = one_in(12) ? (one_in(2) ? 0 : 65) : 1 + below(one_in(4) ? 64 : 6);
    step.flavour = static_cast<std::uint32_t>(below(60));
    if (one_in(12)) step.twist = one_of({Twist::bad_gpu, Twist::bad_word});
    return step;
}

Step Generator::submit(Op op) {
    Step step{.op = op, .who = static_cast<std::uint32_t>(below(miners_from + 2))};
    step.job = {++submissions_, 0};
    // Fewer kinds than the queue looks at in one lease: which of more it takes is drawn by hash.
    step.flavour = one_in(2) ? 0 : static_cast<std::uint32_t>(below(60));
    if (one_in(5)) step.amount = (1 + below(2)) * 7'000'000'000;
    if (one_in(2)) step.number = 1'000 + below(one_in(3) ? 40'000'000 : 60'000);
    if (one_in(20)) step.number = below(1'001);
    if (one_in(14)) {
        step.twist = one_of({Twist::no_payload, Twist::payload_missing, Twist::payload_too_large,
                             Twist::bad_word, Twist::bad_constraint});
    }
    if (one_in(60)) step.who = nobody;
    if (op == Op::batch) {
        step.number = one_in(is_crowded_ ? 2 : 30) ? 200 + below(60) : below(6);
    }
    const std::uint64_t count = op == Op::batch ? std::min<std::uint64_t>(step.number, 6) : 1;
    for (std::uint32_t i = 0; i < count; ++i) jobs_.push_back({step.job.step, i});
    while (jobs_.size() > jobs_remembered) jobs_.pop_front();
    return step;
}

Step Generator::of_miner(Op op) {
    Step step{.op = op, .who = a_miner()};
    if (op == Op::lease) step.number = one_in(20) ? (one_in(2) ? 0 : 65) : 1 + below(3);
    if (op == Op::renew && one_in(2)) {
        step.twist = Twist::some_ids;
        step.job = a_leased_job();
        if (!one_in(4)) step.who = holder_of(step.job);
    }
    if (op == Op::leave && one_in(2)) step.twist = Twist::forced;
    if (op == Op::drain) step.flavour = static_cast<std::uint32_t>(below(2));
    if ((op == Op::lease || op == Op::renew) && one_in(40)) {
        step.twist = Twist::for_another;
        step.other = a_miner();
    }
    return step;
}

Step Generator::raw() {
    Step step{.op = Op::raw, .who = anyone(), .flavour = static_cast<std::uint32_t>(below(4))};
    if (one_in(3)) step.twist = Twist::unknown_kind;
    return step;
}

/// What may befall every operation: keys, nonces, expiry.
void Generator::finish(Step& step) {
    if (step.is_signed && step.who == nobody) step.who = 0;
    if (step.is_signed && one_in(20)) {
        step.nonce_shift = one_in(2) ? -1 : 1 + static_cast<std::int32_t>(below(2));
    }
    if (step.is_signed && step.twist == Twist::none && one_in(40)) {
        step.twist = one_in(2) ? Twist::expired : Twist::far_ahead;
    }
    if (!one_in(4)) return;
    if (one_in(3) && !keyed_.empty()) {
        const Step& before = keyed_.at(below(keyed_.size()));
        if (one_in(4)) {
            step.key = before.key;  // the same key for something else
            return;
        }
        const bool is_signed = step.is_signed;
        if (before.is_signed != is_signed) return;
        step = before;
        step.job.step =
            step.op == Op::submit || step.op == Op::batch ? ++submissions_ : step.job.step;
        return;
    }
    step.key = ++keys_;
    keyed_.push_back(step);
    if (keyed_.size() > keyed_remembered) keyed_.pop_front();
}

}  // namespace ait::differential
