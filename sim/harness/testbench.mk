# Runs the self-checking test bench: make -C tb icarus, or make -C tb verilator.
# ARGS goes to the bench, for example ARGS="+gaps=30 +stalls=50 +seed=7".

TOP := @top
RTL := ../rtl/$(TOP).v
BUILD := build
ARGS ?=
VERILATOR ?= verilator

.PHONY: icarus verilator clean

icarus: $(BUILD)/$(TOP).vvp
	cd .. && vvp -n tb/$< $(ARGS)

$(BUILD)/$(TOP).vvp: $(TOP)_tb.v $(RTL)
	@mkdir -p $(BUILD)
	iverilog -g2012 -s $(TOP)_tb -o $@ $^

verilator: $(BUILD)/V$(TOP)_tb
	cd .. && tb/$< $(ARGS)

$(BUILD)/V$(TOP)_tb: $(TOP)_tb.v $(RTL)
	$(VERILATOR) --binary --timing --top-module $(TOP)_tb --Mdir $(BUILD) -o V$(TOP)_tb $^

clean:
	rm -rf $(BUILD)
