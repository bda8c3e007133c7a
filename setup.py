"""Metadata of the wheel; everything about tools is in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
README = HERE / "README.md"
# Read, not imported: building must need nothing but setuptools.
VERSION = re.search(r'VERSION = "([^"]+)"', (HERE / "azext_dms_pg/model/version.py").read_text())
if VERSION is None:
    raise SystemExit("azext_dms_pg/model/version.py states no VERSION")

setup(
    name="dms-pg",
    version=VERSION.group(1),
    description="Azure CLI extension: migrates live PostgreSQL databases, here or with Azure DMS",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    author="The dms-pg authors",
    python_requires=">=3.10",
    packages=find_packages(include=["azext_dms_pg", "azext_dms_pg.*"]),
    package_data={
        "azext_dms_pg": ["azext_metadata.json", "**/*.sql", "*.sql", "**/*.html", "py.typed"],
    },
    # The tests have been run with these very versions, too.
    install_requires=[
        # 3.3.9 is the first whose execute() enters COPY_BOTH, which streaming needs.
        # Only services on this machine need it and cryptography; Windows can have none.
        "psycopg[binary]>=3.3.9; platform_system != 'Windows'",
        "azure-mgmt-datamigration>=10.0.0",
        "azure-mgmt-network>=28.0.0",
        "azure-identity>=1.17.1",
        # Core brings cryptography along; the vault uses Fernet, the same in all these versions.
        "cryptography>=42.0.0; platform_system != 'Windows'",
        "rich>=13.7.0",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: System Administrators",
        "License :: OSI Approved :: MIT License",
        # Services on Azure can be driven from anywhere; those with -l local need POSIX.
        "Operating System :: OS Independent",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Database",
    ],
)
