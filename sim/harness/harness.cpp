// Drives the accelerator, compares every beat of every stream with what is expected of it, and
// measures. The expected words come frame by frame on standard input, the results leave as lines
// of text on standard output and the words of the output stream in a file.
//
// design.h is generated: sizes, and X-macros that list the streams and FIFOs. model.h is the
// adapter of the simulator in use.

#include "design.h"
#include "model.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

namespace {

constexpr uint32_t kWords[] = {
#define PROBE(index, payload, valid, ready, words, beats) words,
    DESIGN_PROBES(PROBE)
#undef PROBE
};
constexpr uint32_t kBeats[] = {
#define PROBE(index, payload, valid, ready, words, beats) beats,
    DESIGN_PROBES(PROBE)
#undef PROBE
};
constexpr unsigned kProbes = sizeof(kWords) / sizeof(kWords[0]);
// Cycles that the run goes on after the last expected beat, to catch a surplus of output.
constexpr unsigned kDrain = 256;

// Decides, cycle by cycle, whether one side pauses. Phases of up to `burst` cycles follow one
// another: in one kind every cycle is drawn anew, in the other the whole phase is one draw.
class Pacer {
 public:
  Pacer(uint32_t seed, uint32_t pause, uint32_t burst)
      : state_(seed), pause_(pause), burst_(burst) {}

  bool pauses() {
    if (pause_ == 0) return false;
    if (left_ == 0) {
      const uint32_t draw = next();
      left_ = 1 + (draw >> 8) % burst_;
      each_ = draw & 1;
      hold_ = (next() >> 16) < pause_;
    }
    --left_;
    return each_ ? (next() >> 16) < pause_ : hold_;
  }

 private:
  uint32_t next() {  // xorshift32
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

  uint32_t state_, pause_, burst_, left_ = 0;
  bool each_ = false, hold_ = false;
};

// The expected words of the frames that some stream still needs.
class Frames {
 public:
  explicit Frames(uint64_t total) : total_(total) {
    size_t words = 0;
    for (unsigned i = 0; i < kProbes; ++i) {
      offset_[i] = words;
      words += size_t(kWords[i]) * kBeats[i];
    }
    words_ = words;
  }

  uint64_t total() const { return total_; }

  const uint32_t* get(uint64_t frame, unsigned probe) {
    while (frame >= base_ + loaded_.size()) load();
    return loaded_[frame - base_].words.get() + offset_[probe];
  }

  void done(uint64_t frame) {
    ++loaded_[frame - base_].done;
    while (!loaded_.empty() && loaded_.front().done == kProbes) {
      loaded_.pop_front();
      ++base_;
    }
  }

 private:
  struct Frame {
    std::unique_ptr<uint32_t[]> words;
    unsigned done = 0;
  };

  void load() {
    Frame frame;
    frame.words.reset(new uint32_t[words_]);
    if (std::fread(frame.words.get(), 4, words_, stdin) != words_) {
      std::fprintf(stderr, "expected words end early\n");
      std::exit(3);
    }
    loaded_.push_back(std::move(frame));
  }

  uint64_t total_, base_ = 0;
  size_t offset_[kProbes], words_;
  std::deque<Frame> loaded_;
};

struct Check {
  const uint32_t* next = nullptr;
  uint32_t left = 0;
  uint64_t frame = 0, beats = 0, bad = 0, first_bad = 0, surplus = 0;
  std::vector<uint32_t> got, expected;
};

void print_hex(const std::vector<uint32_t>& words) {
  if (words.empty()) std::printf(" -");
  for (size_t k = words.size(); k-- > 0;)
    std::printf(k + 1 == words.size() ? " %08" PRIx32 : "%08" PRIx32, words[k]);
}

// The most that each FIFO holds in stretches of cycles, at first of one, which are joined two and
// two when there are kPoints of them.
class Levels {
 public:
  static constexpr unsigned kPoints = 512;

  void see(unsigned fifo, uint32_t level) {
    if (level > peak_[fifo]) peak_[fifo] = level;
  }

  void next() {
    if (++passed_ == every_) close();
  }

  void report() {
    if (passed_ != 0 || points_ == 0) close();
    for (unsigned i = 0; i < DESIGN_FIFO_COUNT; ++i) {
      const uint32_t most = *std::max_element(level_[i], level_[i] + points_);
      std::printf("fifo %u %" PRIu32 " %" PRIu64, i, most, every_);
      for (unsigned k = 0; k < points_; ++k) std::printf(" %" PRIu32, level_[i][k]);
      std::printf("\n");
    }
  }

 private:
  void close() {
    for (unsigned i = 0; i < DESIGN_FIFO_COUNT; ++i) {
      level_[i][points_] = peak_[i];
      peak_[i] = 0;
    }
    passed_ = 0;
    if (++points_ < kPoints) return;
    points_ = kPoints / 2;
    every_ *= 2;
    for (unsigned i = 0; i < DESIGN_FIFO_COUNT; ++i)
      for (unsigned k = 0; k < points_; ++k)
        level_[i][k] = std::max(level_[i][2 * k], level_[i][2 * k + 1]);
  }

  uint64_t every_ = 1, passed_ = 0;
  unsigned points_ = 0;
  uint32_t peak_[DESIGN_FIFO_COUNT + 1] = {}, level_[DESIGN_FIFO_COUNT + 1][kPoints] = {};
};

class Bench {
 public:
  Bench(uint64_t frames, FILE* output) : frames_(frames), output_(output) {}

  // One beat of stream `index` is taken in this cycle.
  void beat(unsigned index, const uint32_t* words) {
    Check& check = checks_[index];
    if (check.left == 0) {
      if (check.frame == frames_.total()) {
        ++check.surplus;
        return;
      }
      check.next = frames_.get(check.frame, index);
      check.left = kBeats[index];
    }
    if (std::memcmp(words, check.next, size_t(kWords[index]) * 4) != 0 && check.bad++ == 0) {
      check.first_bad = check.beats;
      check.got.assign(words, words + kWords[index]);
      check.expected.assign(check.next, check.next + kWords[index]);
    }
    if (index == DESIGN_SOURCE && check.left == kBeats[index]) stamp("first_in", check.frame);
    if (index == DESIGN_SOURCE && check.left == 1) stamp("last_in", check.frame);
    if (index == DESIGN_SINK) {
      std::fwrite(words, 4, kWords[index], output_);
      if (check.left == 1) stamp("last_out", check.frame);
    }
    check.next += kWords[index];
    ++check.beats;
    last_beat = cycle;
    if (--check.left == 0) {
      frames_.done(check.frame);
      if (++check.frame == frames_.total()) ++finished_;
    }
  }

  // Called before the output's beat is counted.
  void tlast(bool last) {
    const Check& check = checks_[DESIGN_SINK];
    const bool expected = check.left == 1 || kBeats[DESIGN_SINK] == 1;
    if (last != expected && tlast_bad_++ == 0) tlast_first_ = check.beats;
  }

  bool finished() const { return finished_ == kProbes; }
  uint64_t total() const { return frames_.total(); }
  const uint32_t* stimulus(uint64_t frame) { return frames_.get(frame, DESIGN_SOURCE); }

  void report(const Model& model, Levels& levels, bool stuck) {
    for (unsigned i = 0; i < kProbes; ++i) {
      const Check& check = checks_[i];
      std::printf("probe %u %" PRIu64 " %" PRIu64 " %" PRIu64, i, check.beats, check.bad,
                  check.first_bad);
      print_hex(check.got);
      print_hex(check.expected);
      std::printf("\n");
    }
    model.states([](unsigned i, bool valid, bool ready) {
      std::printf("state %u %d %d\n", i, int(valid), int(ready));
    });
    levels.report();
    std::printf("tlast %" PRIu64 " %" PRIu64 "\n", tlast_bad_, tlast_first_);
    std::printf("surplus %" PRIu64 "\n", checks_[DESIGN_SINK].surplus);
    std::printf("end %" PRId64 " %d\n", last_beat + 1, int(stuck));
  }

  int64_t cycle = 0, last_beat = -1;

 private:
  void stamp(const char* event, uint64_t frame) {
    std::printf("%s %" PRIu64 " %" PRId64 "\n", event, frame, cycle);
    const auto now = std::chrono::steady_clock::now();
    if (now - flushed_ < std::chrono::milliseconds(50)) return;
    flushed_ = now;  // shows the progress
    std::fflush(stdout);
  }

  Frames frames_;
  FILE* output_;
  Check checks_[kProbes];
  unsigned finished_ = 0;
  uint64_t tlast_bad_ = 0, tlast_first_ = 0;
  std::chrono::steady_clock::time_point flushed_{};
};

}  // namespace

// Arguments: frames, seeds and pause probabilities (of 65,536) of source and sink, longest burst,
// cycles without a beat after which the design counts as stuck, output file. A traced model takes
// two more numbers and a name: it is traced from the first offer of one frame to that of another.
int main(int argc, char** argv) {
#ifdef DESIGN_TRACED
  if (argc != 12) return 2;
  const uint64_t trace_first = std::strtoull(argv[9], nullptr, 10);
  const uint64_t trace_end = std::strtoull(argv[10], nullptr, 10);
#else
  if (argc != 9) return 2;
#endif
  const auto number = [&](int k) { return uint32_t(std::strtoul(argv[k], nullptr, 10)); };
  const uint32_t burst = number(6);
  const int64_t idle_limit = std::strtoll(argv[7], nullptr, 10);
  FILE* output = std::fopen(argv[8], "wb");
  if (output == nullptr) {
    std::perror(argv[8]);
    return 2;
  }
  Bench bench(number(1), output);
  Pacer gaps(number(2), number(4), burst), stalls(number(3), number(5), burst);
  auto model = std::make_unique<Model>();
  Levels levels;

  model->reset(true);
  model->offer(false, nullptr, false);
  model->accept(false);
  for (int k = 0; k < 8; ++k) {
    model->settle();
    model->edge();
  }
  model->reset(false);

  uint64_t frame = 0;  // the frame and beat that the source offers or will offer next
  uint32_t beat = 0;
  const uint32_t* words = nullptr;
  bool offering = false, accepting = false, stuck = false;
  const auto offer = [&](bool pause) {
    offering = frame < bench.total() && !pause;
    if (!offering) return model->offer(false, nullptr, false);
    if (beat == 0) words = bench.stimulus(frame);
    model->offer(true, words + size_t(beat) * kWords[DESIGN_SOURCE],
                 beat + 1 == kBeats[DESIGN_SOURCE]);
  };

  unsigned drain = 0;
  while (drain < kDrain) {
    if (!offering && frame < bench.total()) offer(gaps.pauses());
    accepting = !stalls.pauses();
    model->accept(accepting);
#ifdef DESIGN_TRACED
    model->trace(frame >= trace_first && frame < trace_end, argv[11]);
#endif
    model->settle();
    if (model->output_moves()) bench.tlast(model->tlast());
    const bool taken = offering && model->input_ready();
    model->transfers([&](unsigned index, const uint32_t* payload) { bench.beat(index, payload); });
    if (drain == 0) {
      model->levels([&](unsigned index, uint32_t level) { levels.see(index, level); });
      levels.next();
    }
    model->edge();
    if (taken) {
      if (++beat == kBeats[DESIGN_SOURCE]) {
        beat = 0;
        ++frame;
      }
      offering = false;
      model->offer(false, nullptr, false);
    }
    if (bench.finished()) {
      ++drain;
    } else if (bench.cycle - bench.last_beat > idle_limit) {
      stuck = true;
      break;
    }
    ++bench.cycle;
  }
  if (stuck) {  // show who waits for whom when neither end pauses
    if (!offering) offer(false);
    model->accept(true);
    model->settle();
  }
  bench.report(*model, levels, stuck);
  std::fclose(output);
  return 0;
}
