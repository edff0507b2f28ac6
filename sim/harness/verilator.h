// Adapter of a Verilator model. The streams' wires are public members of the root.

#pragma once

#include "Vdut.h"
#include "Vdut___024root.h"
#include "design.h"
#include "verilated.h"

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
  void settle() {
    dut_.aclk = 0;
    dut_.eval();
  }
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
};
