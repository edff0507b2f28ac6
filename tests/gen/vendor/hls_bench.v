// Calls a black box as the hardware of Vitis HLS does: start until ready, done until continue.
// FIFOs, continue and the clock enable pause at random; rules of the handshake are checked.
module bench;
  parameter NIN = 1, CALLS = 1, XW = 8, YW = 8, SEED = 0, XBEATS = 1, YBEATS = 1;
  reg clk = 0, rst = 1, ce = 1, start = 0, continue_ = 0, empty_n = 0, full_n = 0;
  wire idle, ready, done, read, write;
  wire [YW-1:0] din;
  reg [XW-1:0] x [0:NIN-1];
  integer at = 0, called = 0, finished = 0, reads = 0, writes = 0, cycles = 0, seed = SEED;
  `TOP top(.ap_clk(clk), .ap_rst(rst), .ap_ce(ce), .ap_start(start), .ap_continue(continue_),
           .ap_idle(idle), .ap_ready(ready), .ap_done(done), .x_dout(x[at]), .x_empty_n(empty_n),
           .x_read(read), .y_din(din), .y_full_n(full_n), .y_write(write));
  always #5 clk = ~clk;
  initial begin
    $readmemh("x.hex", x);
    repeat (5) @(posedge clk);
    #1 rst = 0;
    @(posedge clk);
    if (!idle) $display("error: not idle before the first call");
    #1 start = 1;
  end
  always @(posedge clk) if (!rst) begin
    cycles = cycles + 1;
    if (read) begin
      if (!empty_n || !start || !ce) $display("error: read of nothing");
      at <= at + 1 < NIN ? at + 1 : 0;
      reads = reads + 1;
    end
    if (ready != (read && reads % XBEATS == 0)) $display("error: ready at the wrong time");
    if (write) begin
      if (!full_n || !ce) $display("error: write into a full FIFO");
      if (done && !continue_) $display("error: write before continue");
      $display("y %h", din);
      writes = writes + 1;
    end
    if (done && continue_ && ce) begin
      finished = finished + 1;
      if (writes < finished * YBEATS) $display("error: done before the last beat");
    end
    if (ready) called = called + 1;
    if (finished == CALLS && !done) begin
      if (!idle) $display("error: not idle behind the last call");
      $display("finished in %0d cycles", cycles);
      $finish;
    end
    if (cycles > 200000) begin
      $display("error: stuck");
      $finish;
    end
  end
  always @(posedge clk) if (!rst) begin
    #1;
    start = called < CALLS;
    empty_n = at < NIN && called < CALLS && $urandom(seed) % 4 != 0;
    full_n = $urandom(seed) % 3 != 0;
    ce = $urandom(seed) % 8 != 0;
    continue_ = $urandom(seed) % 5 == 0;
  end
endmodule
