# SPDX-License-Identifier: LGPL-2.1-or-later
# The lines that Windows' procedures have around the dismount, for the GPUs of all hosts.

function Get-PnpDevice {
    <#
    .SYNOPSIS
        Lists the GPUs of all hosts, dismounted or not.
    .DESCRIPTION
        Lists the GPUs of all hosts with what the survey of the host says of each. Other devices are not listed.
    .PARAMETER InstanceId
        Only GPUs with these instance IDs; wildcards are allowed.
    .PARAMETER FriendlyName
        Only GPUs with names like these; wildcards are allowed.
    .PARAMETER Class
        Only devices of these classes. All GPUs are of the class Display.
    .PARAMETER Status
        Only devices with these states: OK (its host's), Unknown (dismounted), Error (quarantined or missing), Degraded.
    .PARAMETER PresentOnly
        Leaves out GPUs that are in a pool but that their host does not show.
    .PARAMETER ComputerName
        Shows only what is on these hosts; wildcards are allowed.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.PnpDevice
    .EXAMPLE
        Get-PnpDevice -PresentOnly | Where-Object Manufacturer -eq NVIDIA

        The NVIDIA GPUs of all hosts.
    .EXAMPLE
        Get-PnpDevice | Where-Object Verdict -ne assignable | Format-Table LocationPath, Verdict, VerdictDetail -Wrap

        Which GPUs VMs cannot be assigned, and why.
    #>
    [CmdletBinding()]
    [OutputType('Berth.PnpDevice')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)]
        [string[]] $InstanceId,
        [string[]] $FriendlyName,
        [string[]] $Class,
        [ValidateSet('OK', 'ERROR', 'DEGRADED', 'UNKNOWN')]
        [string[]] $Status,
        [switch] $PresentOnly,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters) {
                $devices = @(Get-BerthCard $berth @(Resolve-BerthNodeName $berth $ComputerName) |
                        ForEach-Object { ConvertTo-BerthPnpDevice $berth $_ })
                $chosen = if ($InstanceId) {
                    $plain = @($InstanceId | ForEach-Object { $_ -replace '^(?i)PCIP\\', 'PCI\' })
                    Select-BerthName $PSCmdlet $devices $plain InstanceId 'device' 'no-such-gpu'
                } else {
                    $devices
                }
                $chosen | Where-Object {
                    $device = $_
                    (-not $FriendlyName -or @($FriendlyName | Where-Object { $device.FriendlyName -eq $_ -or $device.FriendlyName -like $_ })) -and
                    (-not $Class -or @($Class | Where-Object { $device.Class -like $_ })) -and
                    (-not $Status -or $device.Status -in $Status) -and (-not $PresentOnly -or $device.Present)
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $InstanceId
        }
    }
}

function Get-PnpDeviceProperty {
    <#
    .SYNOPSIS
        Shows properties of GPUs, the location path among them.
    .DESCRIPTION
        Shows properties of GPUs by the keys that Windows has for them: DEVPKEY_Device_LocationPaths,
        DEVPKEY_Device_FriendlyName, DEVPKEY_Device_Manufacturer, DEVPKEY_Device_Class, DEVPKEY_Device_InstanceId,
        DEVPKEY_Device_Driver and DEVPKEY_NAME.
    .PARAMETER InstanceId
        The instance IDs of the GPUs.
    .PARAMETER InputObject
        GPUs of Get-PnpDevice.
    .PARAMETER KeyName
        The keys; wildcards are allowed. Default: all.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.PnpDeviceProperty
    .EXAMPLE
        (Get-PnpDevice -PresentOnly)[0] | Get-PnpDeviceProperty DEVPKEY_Device_LocationPaths | Select-Object -ExpandProperty Data

        The location path of a GPU.
    .EXAMPLE
        $loc = (Get-PnpDeviceProperty -KeyName DEVPKEY_Device_LocationPaths -InstanceId $gpu.InstanceId).Data[0]
        Dismount-VMHostAssignableDevice -LocationPath $loc -Force

        As procedures for Windows do it.
    #>
    [CmdletBinding()]
    [OutputType('Berth.PnpDeviceProperty')]
    param(
        [Parameter(Position = 0)]
        [Alias('DeviceId')]
        [string[]] $InstanceId,
        [Parameter(ValueFromPipeline)]
        [PSTypeName('Berth.PnpDevice')]
        [psobject[]] $InputObject,
        [Parameter(Position = 1)]
        [string[]] $KeyName = @('*'),
        [object[]] $CimSession,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        # Behind a pipe the first word is the key, as on Windows.
        $keys = if ($InputObject -and $InstanceId -and -not $PSBoundParameters.ContainsKey('KeyName')) { $InstanceId } else { $KeyName }
        if (-not $InputObject -and -not $InstanceId) {
            $PSCmdlet.ThrowTerminatingError((New-BerthError 'NoDevice' 'Give a device with -InstanceId or through the pipeline.' `
                        'InvalidArgument' $null 'Get-PnpDevice lists the devices.'))
        }
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $InputObject) {
                $devices = if ($InputObject) { $InputObject } else {
                    $all = @(Get-BerthCard $berth | ForEach-Object { ConvertTo-BerthPnpDevice $berth $_ })
                    Select-BerthName $PSCmdlet $all @($InstanceId -replace '^(?i)PCIP\\', 'PCI\') InstanceId 'device' 'no-such-gpu'
                }
                foreach ($device in $devices) {
                    Get-BerthPnpProperty $PSCmdlet $device $keys
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $InstanceId
        }
    }
}

function Disable-PnpDevice {
    <#
    .SYNOPSIS
        Accepts what Windows wants before a dismount.
    .DESCRIPTION
        Windows disables a device before it is dismounted. Berth's dismount unbinds the GPU from its driver by itself, so
        there is nothing to do: the command checks that the GPU exists, says so in its verbose output, and changes nothing.
    .PARAMETER InstanceId
        The instance IDs of the GPUs.
    .PARAMETER InputObject
        GPUs of Get-PnpDevice.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Disable-PnpDevice -InstanceId $gpu.InstanceId -Confirm:$false

        As procedures for Windows do it; Dismount-VMHostAssignableDevice does the work.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'InstanceId')]
    [OutputType('Berth.PnpDevice')]
    param(
        [Parameter(ParameterSetName = 'InstanceId', Mandatory, Position = 0)]
        [Alias('DeviceId')]
        [string[]] $InstanceId,
        [Parameter(ParameterSetName = 'InputObject', Mandatory, ValueFromPipeline)]
        [PSTypeName('Berth.PnpDevice')]
        [psobject[]] $InputObject,
        [switch] $Passthru,
        [object[]] $CimSession,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        try {
            Confirm-BerthPnpDevice $PSCmdlet $PSBoundParameters 'Disable' `
                'Nothing to do: Dismount-VMHostAssignableDevice takes a GPU from its driver by itself.'
        } catch {
            Write-BerthFailure $PSCmdlet $_ $InstanceId
        }
    }
}

function Enable-PnpDevice {
    <#
    .SYNOPSIS
        Accepts what Windows wants after a GPU was given back.
    .DESCRIPTION
        Windows enables a device after it was mounted. Berth's mount binds the GPU to its driver by itself, so there is
        nothing to do: the command checks that the GPU exists, says so in its verbose output, and changes nothing.
    .PARAMETER InstanceId
        The instance IDs of the GPUs.
    .PARAMETER InputObject
        GPUs of Get-PnpDevice.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Enable-PnpDevice -InstanceId $gpu.InstanceId -Confirm:$false

        As procedures for Windows do it; Mount-VMHostAssignableDevice did the work.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'InstanceId')]
    [OutputType('Berth.PnpDevice')]
    param(
        [Parameter(ParameterSetName = 'InstanceId', Mandatory, Position = 0)]
        [Alias('DeviceId')]
        [string[]] $InstanceId,
        [Parameter(ParameterSetName = 'InputObject', Mandatory, ValueFromPipeline)]
        [PSTypeName('Berth.PnpDevice')]
        [psobject[]] $InputObject,
        [switch] $Passthru,
        [object[]] $CimSession,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        try {
            Confirm-BerthPnpDevice $PSCmdlet $PSBoundParameters 'Enable' `
                'Nothing to do: Mount-VMHostAssignableDevice gives a GPU to its driver by itself.'
        } catch {
            Write-BerthFailure $PSCmdlet $_ $InstanceId
        }
    }
}
