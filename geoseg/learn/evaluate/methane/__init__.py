"""How well methane plumes are found: simulated plumes of known rate in real pixels."""
