"""Packs the commands and the data of the demo."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("artifact_store_cli")
datas = collect_data_files("artifact_store_cli")
