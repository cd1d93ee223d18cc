import subprocess
import sys


def test_the_data_layer_loads_no_torch():
    modules = (
        "calendar columns defaults durations frame lengths months order panel resample source spacing spec split"
        " timestamps windows"
    )
    names = ", ".join(f"sssd_registry.data.{name}" for name in modules.split())
    code = f"import sys, {names}; print(sorted({{'torch', 'diffusers'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
