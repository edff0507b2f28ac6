// Test bench for an event-driven simulator: the same protocol, the same draws and the same report
// as the C++ harness. Modules below the bench are listed per design in a generated file.

`timescale 1ns / 1ns

// Compares the beats of one stream with those in probe_<INDEX>.bin, most significant byte first.
module quantloom_probe #(
    parameter INDEX = 0,
    parameter WIDTH = 1,
    parameter BEATS = 1
) (
    input wire clk,
    input wire active,
    input wire [WIDTH-1:0] payload,
    input wire valid,
    input wire ready
);
  localparam BITS = 8 * ((WIDTH + 7) / 8);

  integer file, status;
  integer total = 0, beats = 0, bad = 0, first = 0, surplus = 0;
  reg [BITS-1:0] expected = 0, first_expected = 0;
  reg [WIDTH-1:0] first_got = 0;
  reg [8*32-1:0] name;

  wire taken = active && valid === 1'b1 && ready === 1'b1;
  wire moves = taken && beats != total;
  wire finished = beats == total;

  initial begin
    if (!$value$plusargs("frames=%d", total)) total = 0;
    total = total * BEATS;
    $sformat(name, "probe_%0d.bin", INDEX);
    file = $fopen(name, "rb");
  end

  always @(posedge clk) begin
    if (taken && !moves) surplus = surplus + 1;
    if (moves) begin
      status = $fread(expected, file);
      if (payload !== expected[WIDTH-1:0]) begin
        if (bad == 0) begin
          first = beats;
          first_got = payload;
          first_expected = expected;
        end
        bad = bad + 1;
      end
      beats <= beats + 1;
    end
  end

  task report;
    begin
      $display("probe %0d %0d %0d %0d %h %h", INDEX, beats, bad, first, first_got,
               first_expected);
      $display("state %0d %0d %0d", INDEX, valid === 1'b1, ready === 1'b1);
    end
  endtask
endmodule

// The most that a FIFO holds in stretches of cycles, at first of one, which are joined two and two
// when there are POINTS of them.
module quantloom_level #(
    parameter INDEX = 0
) (
    input wire clk,
    input wire active,
    input wire [31:0] level
);
  localparam POINTS = 512;
  integer peak = 0, passed = 0, every = 1, points = 0, mark, k;
  integer levels[0:POINTS-1];

  task close;
    begin
      levels[points] = peak;
      points = points + 1;
      peak = 0;
      passed = 0;
      if (points == POINTS) begin
        points = POINTS / 2;
        every = 2 * every;
        for (k = 0; k < points; k = k + 1)
          levels[k] = levels[2*k] > levels[2*k+1] ? levels[2*k] : levels[2*k+1];
      end
    end
  endtask

  always @(posedge clk) if (active) begin
    if (level > peak) peak = level;
    passed = passed + 1;
    if (passed == every) close;
  end

  task report;
    begin
      if (passed != 0 || points == 0) close;
      mark = 0;
      for (k = 0; k < points; k = k + 1) if (levels[k] > mark) mark = levels[k];
      $write("fifo %0d %0d %0d", INDEX, mark, every);
      for (k = 0; k < points; k = k + 1) $write(" %0d", levels[k]);
      $display;
    end
  endtask
endmodule

module quantloom_bench;
  `include "sizes.vh"  // generated: SOURCE, SOURCE_BITS, SOURCE_BEATS, SINK_BITS, SINK_BEATS
  localparam DRAIN = 256;

  reg aclk = 0, aresetn = 0;
  reg s_axis_tvalid = 0, s_axis_tlast = 0, m_axis_tready = 0;
  reg [SOURCE_BITS-1:0] s_axis_tdata = 0, stimulus;
  wire s_axis_tready, m_axis_tvalid, m_axis_tlast;
  wire [SINK_BITS-1:0] m_axis_tdata;

  integer frames, gaps, stalls, burst, idle_limit;
  integer source_file, output_file, status;
  integer cycle = 0, last_beat = -1, drain = 0;
  integer in_frame = 0, in_beat = 0, out_frame = 0, out_beat = 0, out_beats = 0;
  integer tlast_bad = 0, tlast_first = 0;
  reg offering = 0, pause = 0, stuck = 0, complete = 0;
  reg [8*32-1:0] name;
  reg [31:0] seed;

  // State of the two pacers, source first.
  reg [31:0] state[0:1];
  integer left[0:1];
  reg each[0:1], hold[0:1];

  task draw(input integer side);
    begin
      state[side] = state[side] ^ (state[side] << 13);
      state[side] = state[side] ^ (state[side] >> 17);
      state[side] = state[side] ^ (state[side] << 5);
    end
  endtask

  task decide(input integer side, input integer share);
    begin
      pause = 0;
      if (share != 0) begin
        if (left[side] == 0) begin
          draw(side);
          left[side] = 1 + (state[side] >> 8) % burst;
          each[side] = state[side][0];
          draw(side);
          hold[side] = state[side][31:16] < share;
        end
        left[side] = left[side] - 1;
        pause = hold[side];
        if (each[side]) begin
          draw(side);
          pause = state[side][31:16] < share;
        end
      end
    end
  endtask

  // Inputs of the coming cycle.
  task drive;
    begin
      if (!offering && in_frame < frames) begin
        decide(0, gaps);
        offering = !pause;
        if (offering) begin
          status = $fread(stimulus, source_file);
          s_axis_tdata <= stimulus;
          s_axis_tlast <= in_beat == SOURCE_BEATS - 1;
        end
      end
      s_axis_tvalid <= offering;
      decide(1, stalls);
      m_axis_tready <= !pause;
    end
  endtask

  `include "design.vh"  // generated: dut, a probe a stream; moves, finished, surplus, report

  always #5 aclk = !aclk;

  initial begin
    status = $value$plusargs("frames=%d", frames);
    status = $value$plusargs("gap_seed=%d", seed);
    state[0] = seed;
    status = $value$plusargs("stall_seed=%d", seed);
    state[1] = seed;
    status = $value$plusargs("gaps=%d", gaps);
    status = $value$plusargs("stalls=%d", stalls);
    status = $value$plusargs("burst=%d", burst);
    status = $value$plusargs("idle_limit=%d", idle_limit);
    left[0] = 0;
    left[1] = 0;
    $sformat(name, "probe_%0d.bin", SOURCE);
    source_file = $fopen(name, "rb");
    output_file = $fopen("output.hex", "w");
    repeat (8) @(posedge aclk);
    aresetn <= 1;
    drive;
  end

  always @(posedge aclk) begin
    if (aresetn) begin
      if (moves) last_beat = cycle;
      if (m_axis_tvalid === 1'b1 && m_axis_tready) begin
        if (m_axis_tlast !== (out_beat == SINK_BEATS - 1)) begin
          if (tlast_bad == 0) tlast_first = out_beats;
          tlast_bad = tlast_bad + 1;
        end
        if (out_frame < frames) begin
          $fdisplay(output_file, "%h", m_axis_tdata);
          out_beats = out_beats + 1;
          if (out_beat == SINK_BEATS - 1) begin
            $display("last_out %0d %0d", out_frame, cycle);
            $fflush;
            out_frame = out_frame + 1;
          end
          out_beat = (out_beat + 1) % SINK_BEATS;
        end
      end
      if (s_axis_tvalid && s_axis_tready === 1'b1) begin
        if (in_beat == 0) $display("first_in %0d %0d", in_frame, cycle);
        if (in_beat == SOURCE_BEATS - 1) begin
          $display("last_in %0d %0d", in_frame, cycle);
          in_frame = in_frame + 1;
        end
        in_beat = (in_beat + 1) % SOURCE_BEATS;
        offering = 0;
      end
      drive;
      if (complete) drain = drain + 1;
      else if (cycle - last_beat > idle_limit) stuck = 1;
      cycle = cycle + 1;
    end
  end

  // The probes count at the edge; the bench looks at them half a cycle later.
  always @(negedge aclk) begin
    complete = finished;
    if (drain == DRAIN || stuck) begin
      if (stuck) begin  // show who waits for whom when neither end pauses
        if (in_frame < frames) s_axis_tvalid = 1;
        m_axis_tready = 1;
        #1;
      end
      report;
      $display("tlast %0d %0d", tlast_bad, tlast_first);
      $display("surplus %0d", surplus);
      $display("end %0d %0d", last_beat + 1, stuck);
      $finish(0);
    end
  end
endmodule
