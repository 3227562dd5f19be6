# SPDX-License-Identifier: LGPL-2.1-or-later
# GPUs as Windows' PnpDevice module shows devices.

$script:PnpStates = @{ host = 'OK'; 'not-assignable' = 'OK'; partitioned = 'OK'; quarantined = 'Error'; missing = 'Error' }

function ConvertTo-BerthPnpDevice {
    param($Connection, $Gpu)
    $vendor = ("$($Gpu.model)" -split ':')[0]
    [pscustomobject] @{
        PSTypeName     = 'Berth.PnpDevice'
        Status         = $script:PnpStates["$($Gpu.state)"] ?? 'Unknown'
        Class          = 'Display'
        FriendlyName   = $Gpu.name
        Name           = $Gpu.name
        InstanceId     = Get-BerthInstanceId PCI $Gpu
        Manufacturer   = $script:Vendors[$vendor] ?? $vendor
        Present        = $Gpu.state -ne 'missing'
        LocationPath   = "$($Gpu.node)/$($Gpu.address)"
        PSComputerName = $Gpu.node
        State          = $Gpu.state
        Driver         = $Gpu.driver
        Verdict        = $Gpu.verdict
        VerdictDetail  = $Gpu.verdict_detail
        ClusterSession = $Connection.Name
    }
}

# The properties of 'Device' whose key is like one of 'Patterns'; 'Data' is a list where Windows has one.
function Get-BerthPnpProperty {
    param($Command, $Device, [string[]] $Patterns)
    $values = [ordered] @{
        DEVPKEY_Device_LocationPaths = [string[]] @($Device.LocationPath)
        DEVPKEY_Device_FriendlyName  = $Device.FriendlyName
        DEVPKEY_Device_Manufacturer  = $Device.Manufacturer
        DEVPKEY_Device_Class         = $Device.Class
        DEVPKEY_Device_InstanceId    = $Device.InstanceId
        DEVPKEY_Device_Driver        = $Device.Driver
        DEVPKEY_NAME                 = $Device.FriendlyName
    }
    foreach ($pattern in $Patterns) {
        $keys = @($values.Keys | Where-Object { $_ -like $pattern })
        if (-not $keys -and -not [wildcardpattern]::ContainsWildcardCharacters($pattern)) {
            $Command.WriteError((New-BerthError 'no-such-key' "There is no property $pattern of $($Device.LocationPath)." `
                        'ObjectNotFound' $pattern "The keys are: $($values.Keys -join ', ')."))
        }
        foreach ($key in $keys) {
            [pscustomobject] @{
                PSTypeName = 'Berth.PnpDeviceProperty'; InstanceId = $Device.InstanceId; KeyName = $key
                Type = $values[$key] -is [array] ? 'StringList' : 'String'; Data = $values[$key]
            }
        }
    }
}

# Whether the devices exist, and why nothing has to be done.
function Confirm-BerthPnpDevice {
    param($Command, $Bound, [string] $Action, [string] $Why)
    foreach ($berth in Select-BerthConnection $Bound $Bound['InputObject']) {
        $all = @(Get-BerthCard $berth | ForEach-Object { ConvertTo-BerthPnpDevice $berth $_ })
        $ids = @($Bound['InputObject'] ? $Bound['InputObject'].InstanceId : $Bound['InstanceId']) -replace '^(?i)PCIP\\', 'PCI\'
        foreach ($device in Select-BerthName $Command $all $ids InstanceId 'device' 'no-such-gpu') {
            if ($Command.ShouldProcess($device.LocationPath, $Action)) {
                $Command.WriteVerbose($Why)
                if ($Bound['Passthru']) { $device }
            }
        }
    }
}
