// Adapter of a CXXRTL model. The streams' wires are members of the top module's class.

#pragma once

#include "design.h"
#include "dut.cc"

#include <cstdint>

namespace words_of {

template <std::size_t N>
inline const uint32_t* get(const cxxrtl::value<N>& value) {
  return value.data;
}
template <std::size_t N>
inline const uint32_t* get(const cxxrtl::wire<N>& wire) {
  return wire.curr.data;
}
template <std::size_t N>
inline void put(cxxrtl::value<N>& port, const uint32_t* words) {
  for (std::size_t k = 0; k < cxxrtl::value<N>::chunks; ++k) port.data[k] = words[k];
}
template <class T>
inline bool bit(const T& value) {
  return get(value)[0] != 0;
}

}  // namespace words_of

class Model {
 public:
  void reset(bool active) { dut_.p_aresetn.set(!active); }
  void offer(bool valid, const uint32_t* words, bool last) {
    dut_.p_s__axis__tvalid.set(valid);
    dut_.p_s__axis__tlast.set(last);
    if (valid) words_of::put(dut_.p_s__axis__tdata, words);
  }
  void accept(bool ready) { dut_.p_m__axis__tready.set(ready); }
  void settle() {
    dut_.p_aclk.set(false);
    dut_.step();
  }
  void edge() {
    dut_.p_aclk.set(true);
    dut_.step();
  }
  bool input_ready() const { return words_of::bit(dut_.p_s__axis__tready); }
  bool output_moves() const {
    return words_of::bit(dut_.p_m__axis__tvalid) && words_of::bit(dut_.p_m__axis__tready);
  }
  bool tlast() const { return words_of::bit(dut_.p_m__axis__tlast); }

  template <class F>
  void transfers(F&& visit) const {
#define PROBE(index, payload, valid, ready, words, beats)          \
  if (words_of::bit(dut_.valid) && words_of::bit(dut_.ready)) \
    visit(index, words_of::get(dut_.payload));
    DESIGN_PROBES(PROBE)
#undef PROBE
  }
  template <class F>
  void states(F&& visit) const {
#define PROBE(index, payload, valid, ready, words, beats) \
  visit(index, words_of::bit(dut_.valid), words_of::bit(dut_.ready));
    DESIGN_PROBES(PROBE)
#undef PROBE
  }
  template <class F>
  void levels(F&& visit) const {
    (void)visit;
#define FIFO(index, level) visit(index, words_of::get(dut_.level)[0]);
    DESIGN_FIFOS(FIFO)
#undef FIFO
  }

 private:
  cxxrtl_design::DESIGN_CLASS dut_;
};
