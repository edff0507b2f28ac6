// Adapter of a Verilator model. The streams' wires are public members of the root.

#pragma once

#include "Vdut.h"
#include "Vdut___024root.h"
#include "design.h"
#include "verilated.h"
#ifdef DESIGN_TRACED
#include "verilated_saif_c.h"

#include <memory>
#include <string>
#endif

#include <cstdint>

namespace words_of {

inline void put(CData& port, const uint32_t* words) { port = CData(words[0]); }
inline void put(SData& port, const uint32_t* words) { port = SData(words[0]); }
inline void put(IData& port, const uint32_t* words) { port = words[0]; }
inline void put(QData& port, const uint32_t* words) {
  port = QData(words[0]) | (QData(words[1]) << 32);
}
template <std::size_t N>
inline void put(VlWide<N>& port, const uint32_t* words) {
  for (std::size_t k = 0; k < N; ++k) port[k] = words[k];
}

// A payload of up to 64 bits as words; wider ones are words already.
struct Small {
  uint32_t words[2];
  operator const uint32_t*() const { return words; }
};
inline Small get(QData value) { return {{uint32_t(value), uint32_t(value >> 32)}}; }
template <std::size_t N>
inline const uint32_t* get(const VlWide<N>& value) {
  return value.data();
}

}  // namespace words_of

class Model {
 public:
  void reset(bool active) { dut_.aresetn = !active; }
  void offer(bool valid, const uint32_t* words, bool last) {
    dut_.s_axis_tvalid = valid;
    dut_.s_axis_tlast = last;
    if (valid) words_of::put(dut_.s_axis_tdata, words);
  }
  void accept(bool ready) { dut_.m_axis_tready = ready; }
#ifdef DESIGN_TRACED
  Model() { context_.traceEverOn(true); }
  // Called in each cycle before settle(): whether the cycle is traced. The state after the last
  // traced cycle is recorded too, since its edge belongs to that cycle.
  void trace(bool on, const char* name) {
    if (on && saif_ == nullptr) name_ = name;
    starts_ = on && saif_ == nullptr;
    stops_ = !on && saif_ != nullptr;
  }
  // Registers and inputs change together, in the high half of the clock, so that no wire shows a
  // change that only the order of the two would make.
  void settle() {
    if (starts_) {
      // The writer counts a bit that is high at the start as a change. A file of the start alone
      // tells which those are.
      begin(".start");
      saif_->close();
      begin("");
    } else if (saif_ != nullptr) {
      dut_.eval();
      saif_->dump(time_++);
      if (stops_) saif_.reset();
    }
    dut_.aclk = 0;
    dut_.eval();
    if (saif_ != nullptr) saif_->dump(time_++);
  }
#else
  void settle() {
    dut_.aclk = 0;
    dut_.eval();
  }
#endif
  void edge() {
    dut_.aclk = 1;
    dut_.eval();
  }
  bool input_ready() const { return dut_.s_axis_tready; }
  bool output_moves() const { return dut_.m_axis_tvalid && dut_.m_axis_tready; }
  bool tlast() const { return dut_.m_axis_tlast; }

  template <class F>
  void transfers(F&& visit) const {
    const auto& root = *dut_.rootp;
#define PROBE(index, payload, valid, ready, words, beats) \
  if (root.valid && root.ready) visit(index, words_of::get(root.payload));
    DESIGN_PROBES(PROBE)
#undef PROBE
  }
  template <class F>
  void states(F&& visit) const {
    const auto& root = *dut_.rootp;
#define PROBE(index, payload, valid, ready, words, beats) visit(index, root.valid, root.ready);
    DESIGN_PROBES(PROBE)
#undef PROBE
  }
  template <class F>
  void levels(F&& visit) const {
    const auto& root = *dut_.rootp;
    (void)root, (void)visit;
#define FIFO(index, level) visit(index, root.level);
    DESIGN_FIFOS(FIFO)
#undef FIFO
  }

 private:
  VerilatedContext context_;
  Vdut dut_{&context_};
#ifdef DESIGN_TRACED
  void begin(const char* suffix) {
    saif_ = std::make_unique<VerilatedSaifC>();
    dut_.trace(saif_.get(), 99);
    saif_->open((name_ + suffix).c_str());
    dut_.eval();
    saif_->dump(0);
    time_ = 1;
  }
  std::unique_ptr<VerilatedSaifC> saif_;  // closes its file before the model goes
  std::string name_;
  uint64_t time_ = 0;
  bool starts_ = false, stops_ = false;
#endif
};
