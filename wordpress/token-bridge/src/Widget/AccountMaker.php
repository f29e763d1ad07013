<?php
/**
 * The widget of a linked site.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;

defined( 'ABSPATH' ) || exit;

/**
 * Makes a card with the numbers of the account that this site draws on. The bridge has no widget for it, because a
 * linked site sees nothing else about the person behind the account.
 */
final class AccountMaker implements Maker {

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function make( array $parameters, ?Fragment $last ): ?Fragment {
		$answer = $this->transport->send( Request::get( '/v1/account' ) );
		if ( ! $answer->is_ok() || ! isset( $answer->document()['balance'] ) ) {
			return null;
		}
		$account = $answer->document();
		if ( 'balance' === ( $parameters['view'] ?? '' ) ) {
			return new Fragment( '<span class="token-bridge-balance">' . esc_html( $this->available( $account ) ) . '</span>', time() );
		}
		return new Fragment( $this->card_html( $account, $parameters ), time() );
	}

	/**
	 * @param array<string, mixed>  $account    The bridge's answer.
	 * @param array<string, string> $parameters Parameters of the widget.
	 */
	private function card_html( array $account, array $parameters ): string {
		$title = $parameters['title'] ?? __( 'Tokens of this site', 'token-bridge' );
		$html  = '<section class="token-bridge-account" aria-label="' . esc_attr( $title ) . '"><h2>' . esc_html( $title ) . '</h2>';
		if ( isset( $parameters['intro'] ) ) {
			$html .= '<p>' . esc_html( $parameters['intro'] ) . '</p>';
		}
		$html .= '<dl>';
		foreach ( self::rows( $account ) as $label => $value ) {
			$html .= '<div><dt>' . esc_html( $label ) . '</dt><dd>' . esc_html( $value ) . '</dd></div>';
		}
		return $html . '</dl>' . $this->button_html( $account, $parameters ) . '</section>';
	}

	/**
	 * Returns the numbers of the account, as people read them, by label.
	 *
	 * @param array<string, mixed> $account The bridge's answer.
	 * @return array<string, string>
	 */
	public static function rows( array $account ): array {
		$site = (array) ( $account['site'] ?? [] );
		$plan = (array) ( $account['plan'] ?? [] );
		$cap  = $site['monthly_cap'] ?? null;
		$rows = [ __( 'Available tokens', 'token-bridge' ) => number_format_i18n( (int) ( $account['balance']['available'] ?? 0 ) ) ];
		if ( $plan ) {
			$rows[ __( 'Left of the plan this month', 'token-bridge' ) ] = number_format_i18n( (int) ( $plan['remaining'] ?? 0 ) );
		}
		return $rows + [
			__( 'Used by this site this month', 'token-bridge' ) => number_format_i18n( (int) ( $site['used_this_month'] ?? 0 ) ),
			__( 'Monthly cap of this site', 'token-bridge' ) => null === $cap ? __( 'none', 'token-bridge' ) : number_format_i18n( (int) $cap ),
		];
	}

	/**
	 * @param array<string, mixed>  $account    The bridge's answer.
	 * @param array<string, string> $parameters Parameters of the widget.
	 */
	private function button_html( array $account, array $parameters ): string {
		$url = $parameters['buycreditsurl'] ?? (string) ( $account['purchase_url'] ?? '' );
		if ( '' === $url || 'false' === ( $parameters['buycredits'] ?? '' ) ) {
			return '';
		}
		$label = $parameters['buycreditslabel'] ?? __( 'Buy tokens', 'token-bridge' );
		return '<p><a class="wp-element-button button" href="' . esc_url( $url ) . '">' . esc_html( $label ) . '</a></p>';
	}

	/**
	 * @param array<string, mixed> $account The bridge's answer.
	 */
	private function available( array $account ): string {
		return number_format_i18n( (int) ( $account['balance']['available'] ?? 0 ) );
	}
}
