"""Packs what is only loaded by name: modules, migrations, the files of the report, the metadata."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

hiddenimports = collect_submodules(
    "artifact_store", filter=lambda name: "__pyinstaller" not in name
)
datas = collect_data_files("artifact_store") + copy_metadata("artifact-store")
