// Behaviour of the 7-series block RAMs (UG473), which Yosys has no models of: both ports of any
// width, all write modes, output registers, initial contents, synchronous resets.

// One port: reads and writes `width` bits of data and parity of the shared array at a bit address.
// The array is data (DATA bits), then parity (an eighth as many).
module @name #(
@parameters  parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST",
  parameter integer READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0,
  parameter integer DOA_REG = 0, DOB_REG = 0,
  parameter [@high:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0,
  parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE",
  parameter RSTREG_PRIORITY_A = "RSTREG", RSTREG_PRIORITY_B = "RSTREG",
  parameter RDADDR_COLLISION_HWCONFIG = "DELAYED_WRITE", SIM_COLLISION_CHECK = "ALL",
  parameter SIM_DEVICE = "7SERIES", INIT_FILE = "NONE", EN_ECC_READ = "FALSE",
  parameter EN_ECC_WRITE = "FALSE",
  parameter [0:0] IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0,
  parameter [0:0] IS_ENBWREN_INVERTED = 0, IS_RSTRAMARSTRAM_INVERTED = 0, IS_RSTRAMB_INVERTED = 0,
  parameter [0:0] IS_RSTREGARSTREG_INVERTED = 0, IS_RSTREGB_INVERTED = 0
) (
  input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
  input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
  input [@address:0] ADDRARDADDR, ADDRBWRADDR,
  input [@data:0] DIADI, DIBDI,
  input [@parity:0] DIPADIP, DIPBDIP,
  input [@enables_a:0] WEA,
  input [@enables_b:0] WEBWE,
@unused  output [@data:0] DOADO, DOBDO,
  output [@parity:0] DOPADOP, DOPBDOP
);
  localparam integer BITS = @bits, HALF = @data + 1, BYTES = @parity + 1;
  localparam SDP = RAM_MODE == "SDP";
  // Both halves of an SDP port of the full width are one word.
  localparam integer W = 2 * HALF, P = 2 * BYTES;

  reg [BITS-1:0] data = {@data_init};
  reg [BITS/8-1:0] parity = {@parity_init};
  reg [W-1:0] qa, qb, ra, rb;
  reg [P-1:0] pa, pb, rpa, rpb;

  wire clk_a = CLKARDCLK ^ IS_CLKARDCLK_INVERTED, clk_b = CLKBWRCLK ^ IS_CLKBWRCLK_INVERTED;
  wire en_a = ENARDEN ^ IS_ENARDEN_INVERTED, en_b = ENBWREN ^ IS_ENBWREN_INVERTED;
  wire rst_a = RSTRAMARSTRAM ^ IS_RSTRAMARSTRAM_INVERTED, rst_b = RSTRAMB ^ IS_RSTRAMB_INVERTED;
  wire reset_a = RSTREGARSTREG ^ IS_RSTREGARSTREG_INVERTED, reset_b = RSTREGB ^ IS_RSTREGB_INVERTED;

  // Data bits of a port width: 9, 18, 36 and 72 have a parity bit a byte.
  function integer plain(input integer width);
    plain = width >= 9 ? width / 9 * 8 : width == 0 ? 1 : width;
  endfunction

  localparam integer RA = plain(READ_WIDTH_A), RB = plain(READ_WIDTH_B);
  localparam integer WA = plain(WRITE_WIDTH_A), WB = plain(WRITE_WIDTH_B);
  localparam [W-1:0] READS_A = {W{1'b1}} >> (W - RA), READS_B = {W{1'b1}} >> (W - RB);
  localparam [P-1:0] PARITY_A = {W{1'b1}} >> (W - RA / 8), PARITY_B = {W{1'b1}} >> (W - RB / 8);
  localparam KEEPS_A = WRITE_MODE_A == "NO_CHANGE", KEEPS_B = WRITE_MODE_B == "NO_CHANGE";

  // Addresses count bits of data; a port ignores those below its width, and those above the array.
  wire [31:0] at_ra = ADDRARDADDR & (BITS - 1) & ~(RA - 1);
  wire [31:0] at_rb = ADDRBWRADDR & (BITS - 1) & ~(RB - 1);
  wire [31:0] at_wa = ADDRARDADDR & (BITS - 1) & ~(WA - 1);
  wire [31:0] at_wb = ADDRBWRADDR & (BITS - 1) & ~(WB - 1);
  wire [W-1:0] d_b = SDP ? {DIBDI, DIADI} : DIBDI;
  wire [P-1:0] dp_b = SDP ? {DIPBDIP, DIPADIP} : DIPBDIP;
  wire writes_a = !SDP && WRITE_WIDTH_A != 0 && |WEA, writes_b = WRITE_WIDTH_B != 0 && |WEBWE;

  reg [BITS-1:0] next_a, next_b;
  reg [BITS/8-1:0] next_pa, next_pb;
  integer j, k;

  always @(posedge clk_a) begin
    if (en_a) begin
      next_a = data;
      next_pa = parity;
      if (writes_a) begin
        for (j = 0; j < WA; j = j + 1)
          if (WEA[j / 8]) begin
            data[at_wa + j] <= DIADI[j];
            if (WRITE_MODE_A == "WRITE_FIRST") next_a[at_wa + j] = DIADI[j];
          end
        for (j = 0; j < WA / 8; j = j + 1)
          if (WEA[j]) begin
            parity[at_wa / 8 + j] <= DIPADIP[j];
            if (WRITE_MODE_A == "WRITE_FIRST") next_pa[at_wa / 8 + j] = DIPADIP[j];
          end
      end
      if (!(writes_a && KEEPS_A)) begin
        qa <= next_a[at_ra +: W] & READS_A;
        pa <= next_pa[at_ra / 8 +: P] & PARITY_A;
      end
      if (rst_a) {pa, qa} <= SDP ? {SRVAL_B[@high:@data+1], SRVAL_A[@high:@data+1],
                                    SRVAL_B[@data:0], SRVAL_A[@data:0]}
                                 : {{BYTES{1'b0}}, SRVAL_A[@high:@data+1],
                                    {HALF{1'b0}}, SRVAL_A[@data:0]};
    end
    if (reset_a) {rpa, ra} <= 0;
    else if (REGCEAREGCE) {rpa, ra} <= {pa, qa};
  end

  always @(posedge clk_b) begin
    if (en_b) begin
      next_b = data;
      next_pb = parity;
      if (writes_b) begin
        for (k = 0; k < WB; k = k + 1)
          if (WEBWE[k / 8]) begin
            data[at_wb + k] <= d_b[k];
            if (WRITE_MODE_B == "WRITE_FIRST") next_b[at_wb + k] = d_b[k];
          end
        for (k = 0; k < WB / 8; k = k + 1)
          if (WEBWE[k]) begin
            parity[at_wb / 8 + k] <= dp_b[k];
            if (WRITE_MODE_B == "WRITE_FIRST") next_pb[at_wb / 8 + k] = dp_b[k];
          end
      end
      if (!SDP && !(writes_b && KEEPS_B)) begin
        qb <= next_b[at_rb +: W] & READS_B;
        pb <= next_pb[at_rb / 8 +: P] & PARITY_B;
      end
      if (rst_b && !SDP) {pb, qb} <= {{BYTES{1'b0}}, SRVAL_B[@high:@data+1],
                                      {HALF{1'b0}}, SRVAL_B[@data:0]};
    end
    if (reset_b) {rpb, rb} <= 0;
    else if (REGCEB) {rpb, rb} <= {pb, qb};
  end

  initial begin
    if (SDP) {pa, qa} = {INIT_B[@high:@data+1], INIT_A[@high:@data+1],
                         INIT_B[@data:0], INIT_A[@data:0]};
    else {pa, qa} = {{BYTES{1'b0}}, INIT_A[@high:@data+1], {HALF{1'b0}}, INIT_A[@data:0]};
    {pb, qb} = {{BYTES{1'b0}}, INIT_B[@high:@data+1], {HALF{1'b0}}, INIT_B[@data:0]};
    {rpa, ra, rpb, rb} = 0;
    if (RAM_EXTENSION_A != "NONE" || EN_ECC_READ != "FALSE") begin
      $display("%m: cascaded and error-correcting block RAMs are not modelled");
      $finish;
    end
  end

  wire [W-1:0] out_a = DOA_REG ? ra : qa, out_b = DOB_REG ? rb : qb;
  wire [P-1:0] parity_out_a = DOA_REG ? rpa : pa, parity_out_b = DOB_REG ? rpb : pb;
  assign DOADO = out_a[HALF-1:0];
  assign DOPADOP = parity_out_a[BYTES-1:0];
  assign DOBDO = SDP ? out_a[W-1:HALF] : out_b[HALF-1:0];
  assign DOPBDOP = SDP ? parity_out_a[P-1:BYTES] : parity_out_b[BYTES-1:0];
endmodule
