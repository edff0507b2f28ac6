// Behaviour of the ECP5's block RAM (FPGA-TN-02204), which Yosys has no model of: both ports of any
// width, all write modes, initial contents, resets of the outputs. A memory 36 bits wide is written
// at port A and read at port B; the halves of its word are those of both ports.
module DP16KD #(
@parameters  parameter integer DATA_WIDTH_A = 18, DATA_WIDTH_B = 18,
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG", RESETMODE = "SYNC",
  parameter ASYNC_RESET_RELEASE = "SYNC", CSDECODE_A = "0b000", CSDECODE_B = "0b000",
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL",
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB", GSR = "ENABLED", INIT_DATA = "STATIC"
) (
@ports);
  wire [13:0] ada = {@ada}, adb = {@adb};
  wire [17:0] dia = {@dia}, dib = {@dib};
  reg [17:0] qa = 0, qb = 0, qh = 0;
  assign {@doa} = DATA_WIDTH_B == 36 ? qb : qa;
  assign {@dob} = DATA_WIDTH_B == 36 ? qh : qb;

  // 1,024 words of two bytes of nine bits each.
  reg [18431:0] data;
  localparam [20479:0] CONTENTS = {@contents};
  integer n;
  initial begin
    for (n = 0; n < 1024; n = n + 1) data[18 * n +: 18] = CONTENTS[20 * n +: 18];
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || CSDECODE_A != "0b000"
        || CSDECODE_B != "0b000") begin
      $display("%m: output registers and chip selects of a DP16KD are not modelled");
      $finish;
    end
  end

  // Place of a port's word: an address counts bits, of which a byte has eight, or nine with parity.
  function integer place(input [13:0] address, input integer width);
    place = 18 * (address >> 4 & (width == 36 ? ~1 : ~0))
            + (width >= 18 ? 0 : 9 * address[3])
            + (width >= 9 ? 0 : address[2:0] & -width);
  endfunction

  wire clk_a = CLKAMUX == "INV" ? ~CLKA : CLKA, clk_b = CLKBMUX == "INV" ? ~CLKB : CLKB;
  wire [17:0] word_a = {18{1'b1}} >> (18 - (DATA_WIDTH_A == 36 ? 18 : DATA_WIDTH_A));
  wire [17:0] word_b = {18{1'b1}} >> (18 - (DATA_WIDTH_B == 36 ? 18 : DATA_WIDTH_B));
  integer at_a, at_b, j, k;

  // Enables of the bytes are address bits that a wide port has to spare. A reset of the output goes
  // before everything.
  always @(posedge clk_a) begin
    if (CEA) begin
      at_a = place(ada, DATA_WIDTH_A);
      if (!WEA || WRITEMODE_A == "READBEFOREWRITE") qa <= data[at_a +: 18] & word_a;
      if (WEA) begin
        for (j = 0; j < DATA_WIDTH_A; j = j + 1)
          if (DATA_WIDTH_A < 18 || ada[j / 9]) data[at_a + j] <= j < 18 ? dia[j] : dib[j - 18];
        if (WRITEMODE_A == "WRITETHROUGH")
          for (j = 0; j < 18; j = j + 1)
            qa[j] <= word_a[j] & (DATA_WIDTH_A < 18 || ada[j / 9] ? dia[j] : data[at_a + j]);
      end
    end
    if (RSTA) qa <= 0;
  end

  always @(posedge clk_b) begin
    if (CEB) begin
      at_b = place(adb, DATA_WIDTH_B);
      if (!WEB || WRITEMODE_B == "READBEFOREWRITE") qb <= data[at_b +: 18] & word_b;
      qh <= data[at_b + 18 +: 18];
      if (WEB) begin
        for (k = 0; k < DATA_WIDTH_B; k = k + 1)
          if (DATA_WIDTH_B < 18 || adb[k / 9]) data[at_b + k] <= dib[k];
        if (WRITEMODE_B == "WRITETHROUGH")
          for (k = 0; k < 18; k = k + 1)
            qb[k] <= word_b[k] & (DATA_WIDTH_B < 18 || adb[k / 9] ? dib[k] : data[at_b + k]);
      end
    end
    if (RSTB) {qh, qb} <= 0;
  end

  always @(posedge RSTA) if (RESETMODE == "ASYNC") qa <= 0;
  always @(posedge RSTB) if (RESETMODE == "ASYNC") {qh, qb} <= 0;
endmodule

// The multiplier, as Yosys uses it: without registers.
module MULT18X18D #(
@registers  parameter CLK0_DIV = "ENABLED", CLK1_DIV = "ENABLED", CLK2_DIV = "ENABLED",
  parameter CLK3_DIV = "ENABLED", HIGHSPEED_CLK = "NONE", GSR = "ENABLED",
  parameter CAS_MATCH_REG = "FALSE", SOURCEB_MODE = "B_SHIFT", MULT_BYPASS = "DISABLED",
  parameter RESETMODE = "SYNC"
) (
@multiplier  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB
);
  wire [17:0] a = {@a}, b = {@b};
  wire signed [18:0] wide_a = {SIGNEDA & a[17], a}, wide_b = {SIGNEDB & b[17], b};
  wire signed [37:0] product = wide_a * wide_b;
  assign {@p} = product[35:0];
endmodule
