# What every test file needs: the helpers, and the module as a user imports it.

# What goes wrong outside of the checks ends the file; they themselves have the preference of a user.
$ErrorActionPreference = 'Stop'

. "$PSScriptRoot/Assert.ps1"
. "$PSScriptRoot/Emulator.ps1"
. "$PSScriptRoot/Models.ps1"

Import-Module AzApiManagement.BackendConnection
