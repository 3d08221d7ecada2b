#include "runtime/node/height_waits.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <mutex>
#include <vector>

namespace ait::node {

namespace {

struct Wait {
    std::function<void(bool)> then{};
    std::shared_ptr<boost::asio::steady_timer> timer{};
};

}  // namespace

class HeightWaits::Waits : public std::enable_shared_from_this<Waits> {
  public:
    explicit Waits(boost::asio::thread_pool& pool) : pool_(pool) {}

    void add(std::uint64_t height, std::chrono::milliseconds at_most,
             std::function<void(bool)> then) {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || height <= published_) {
            boost::asio::post(
                pool_, [then = std::move(then), is_reached = !is_stopped_] { then(is_reached); });
            return;
        }
        const Key key{height, next_id_++};
        auto timer = std::make_shared<boost::asio::steady_timer>(pool_, at_most);
        timer->async_wait([self = shared_from_this(), key](const auto&) {
            if (auto late = self->take(key)) (*late)(false);
        });
        waits_.emplace(key, Wait{std::move(then), std::move(timer)});
    }

    void on_block(std::uint64_t height) {
        std::vector<std::function<void(bool)>> reached;
        {
            const std::lock_guard lock(mutex_);
            published_ = height;
            const auto end = waits_.lower_bound({height + 1, 0});
            for (auto each = waits_.begin(); each != end; ++each)
                reached.push_back(let_go(each->second));
            waits_.erase(waits_.begin(), end);
        }
        run(std::move(reached), true);
    }

    void stop() {
        std::vector<std::function<void(bool)>> left;
        {
            const std::lock_guard lock(mutex_);
            is_stopped_ = true;
            for (auto& [key, each] : waits_) left.push_back(let_go(each));
            waits_.clear();
        }
        run(std::move(left), false);
    }

  private:
    using Key = std::pair<std::uint64_t, std::uint64_t>;  // height, id

    std::optional<std::function<void(bool)>> take(const Key& key) {
        const std::lock_guard lock(mutex_);
        const auto found = waits_.find(key);
        if (found == waits_.end()) return std::nullopt;
        auto then = std::move(found->second.then);
        waits_.erase(found);
        return then;
    }
    /// Under the mutex: a timer is not safe for two threads.
    static std::function<void(bool)> let_go(Wait& wait) {
        wait.timer->cancel();
        return std::move(wait.then);
    }
    void run(std::vector<std::function<void(bool)>> reached, bool is_reached) {
        for (auto& then : reached)
            boost::asio::post(pool_, [then = std::move(then), is_reached] { then(is_reached); });
    }

    boost::asio::thread_pool& pool_;
    std::mutex mutex_{};
    std::map<Key, Wait> waits_{};
    std::uint64_t next_id_ = 0;
    std::uint64_t published_ = 0;
    bool is_stopped_ = false;
};

HeightWaits::HeightWaits(consensus::BlockListeners& listeners, boost::asio::thread_pool& pool)
    : waits_(std::make_shared<Waits>(pool)),
      listeners_(listeners),
      listener_(
          listeners.add([waits = waits_](std::uint64_t height) { waits->on_block(height); })) {}

HeightWaits::~HeightWaits() {
    listeners_.remove(listener_);
    stop();
}

void HeightWaits::wait(std::uint64_t height, std::chrono::milliseconds at_most,
                       std::function<void(bool)> then) {
    waits_->add(height, at_most, std::move(then));
}

void HeightWaits::stop() {
    waits_->stop();
}

}  // namespace ait::node
