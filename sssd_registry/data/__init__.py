"""Data: from a raw frame to the windows that a model looks at, with pandas and numpy only, no torch.

frame.read_frame -> spec.resolve -> panel.to_panel -> windows.*
"""
