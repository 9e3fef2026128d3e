# What every test file needs: the helpers, and the module as a user imports it.

. "$PSScriptRoot/Assert.ps1"
. "$PSScriptRoot/Emulator.ps1"
. "$PSScriptRoot/Models.ps1"

Import-Module AzApiManagement.BackendConnection
