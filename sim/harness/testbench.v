// Self-checking test bench of @top. Runs with Icarus Verilog or Verilator alone; see tb/Makefile.
//
// Sends vectors/input.hex and compares every beat and tlast with vectors/output.hex.
//   +gaps=N    percentage of cycles in which the source idles (0)
//   +stalls=N  percentage of cycles in which the sink is not ready (0)
//   +seed=N    start of the random sequence (1)

`timescale 1ns / 1ns

module @{top}_tb;
  localparam integer FRAMES = @frames;
  localparam integer IN_BEATS = @in_beats;  // a frame
  localparam integer OUT_BEATS = @out_beats;
  localparam integer IN_BITS = @in_bits;
  localparam integer OUT_BITS = @out_bits;
  localparam integer IDLE_LIMIT = @idle_limit;  // cycles without a beat: stuck

  reg aclk = 1'b0, aresetn = 1'b0;
  reg [IN_BITS-1:0] s_axis_tdata = 0;
  reg s_axis_tvalid = 1'b0, s_axis_tlast = 1'b0, m_axis_tready = 1'b0;
  wire [OUT_BITS-1:0] m_axis_tdata;
  wire s_axis_tready, m_axis_tvalid, m_axis_tlast;

  @top dut (
      .aclk(aclk),
      .aresetn(aresetn),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(s_axis_tlast),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast)
  );

  reg [IN_BITS-1:0] inputs[0:FRAMES*IN_BEATS-1];
  reg [OUT_BITS-1:0] outputs[0:FRAMES*OUT_BEATS-1];

  integer reset = 8;  // cycles
  integer gaps = 0, stalls = 0, seed = 1;
  integer sent = 0;  // input beats offered or taken
  integer received = 0;
  integer cycle = 0, last_beat = 0, frame_end = 0, interval = 0;
  reg [31:0] lfsr;
  reg idle, stall;

  always #5 aclk = ~aclk;

  initial begin
    if ($value$plusargs("gaps=%d", gaps)) $display("gaps: %0d %%", gaps);
    if ($value$plusargs("stalls=%d", stalls)) $display("stalls: %0d %%", stalls);
    if ($value$plusargs("seed=%d", seed)) $display("seed: %0d", seed);
    if (gaps < 0 || gaps > 99 || stalls < 0 || stalls > 99)
      $fatal(1, "gaps and stalls must be 0 to 99");
    lfsr = {seed[30:0], 1'b1} ^ 32'h5eed0000;
    $readmemh("vectors/input.hex", inputs);
    $readmemh("vectors/output.hex", outputs);
  end

  always @(posedge aclk) begin
    if (!aresetn) begin
      reset = reset - 1;
      aresetn <= reset == 0;
    end else begin
      cycle = cycle + 1;
      if (s_axis_tvalid && s_axis_tready) last_beat = cycle;
      if (m_axis_tvalid && m_axis_tready) begin
        last_beat = cycle;
        check;
      end
      if (cycle - last_beat > IDLE_LIMIT) begin
        $display("FAIL: stuck after %0d input beats and %0d of %0d output beats", sent, received,
                 FRAMES * OUT_BEATS);
        $display("tvalid and tready: input %b %b, output %b %b", s_axis_tvalid, s_axis_tready,
                 m_axis_tvalid, m_axis_tready);
        $fatal(1, "stuck");
      end

      draw;
      idle = {25'b0, lfsr[6:0]} * 100 / 128 < gaps;
      draw;
      stall = {25'b0, lfsr[6:0]} * 100 / 128 < stalls;
      if (!s_axis_tvalid || s_axis_tready) begin
        if (sent < FRAMES * IN_BEATS && !idle) begin
          s_axis_tvalid <= 1'b1;
          s_axis_tdata <= inputs[sent];
          s_axis_tlast <= sent % IN_BEATS == IN_BEATS - 1;
          sent = sent + 1;
        end else begin
          s_axis_tvalid <= 1'b0;
          s_axis_tlast <= 1'b0;
        end
      end
      m_axis_tready <= !stall;
    end
  end

  // Seven Galois steps: as many new bits as a decision reads.
  task draw;
    integer k;
    for (k = 0; k < 7; k = k + 1)
      lfsr = {1'b0, lfsr[31:1]} ^ (lfsr[0] ? 32'ha3000000 : 32'h00000000);
  endtask

  task check;
    begin
      if (m_axis_tdata !== outputs[received]) begin
        $display("FAIL: frame %0d, beat %0d: expected %h, got %h", received / OUT_BEATS,
                 received % OUT_BEATS, outputs[received], m_axis_tdata);
        $fatal(1, "wrong output");
      end
      if (m_axis_tlast !== (received % OUT_BEATS == OUT_BEATS - 1)) begin
        $display("FAIL: frame %0d, beat %0d: tlast is %b", received / OUT_BEATS,
                 received % OUT_BEATS, m_axis_tlast);
        $fatal(1, "wrong tlast");
      end
      received = received + 1;
      if (received % OUT_BEATS == 0) begin
        interval = cycle - frame_end;
        frame_end = cycle;
      end
      if (received == FRAMES * OUT_BEATS) begin
        $display("PASS: %0d frames, %0d beats equal, %0d cycles, the last frame after %0d",
                 FRAMES, received, cycle, interval);
        $finish;
      end
    end
  endtask
endmodule
